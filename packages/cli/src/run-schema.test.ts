/** The published schema of run files is the one that they are checked by; `vitest run -u` with this file writes it anew. */
import { runJsonSchema, runSchemaAddress } from '@safetune/trainer';
import { expect, it } from 'vitest';

it('run.schema.json is the schema of run files', async () => {
  const { $schema, ...schema } = { $schema: undefined, ...runJsonSchema() };
  const published = { $schema, $id: runSchemaAddress, title: 'A training run of SafeTune', ...schema };
  await expect(`${JSON.stringify(published, null, 2)}\n`).toMatchFileSnapshot('../run.schema.json');
});
