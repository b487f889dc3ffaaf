import { expect, it } from 'vitest';
import { der, kl, withChangedPaths, withoutFolders } from '../index.ts';

it('changes paths where a config has them, also in an option of an option', () => {
  const config = { type: 'der', anchors: 'safe.jsonl', reference: { adapter: 'safe' }, weight: 1 };
  const paths = ['anchors', 'reference.adapter', 'reference.checkpoint'];
  expect(withChangedPaths(config, paths, (path) => `/runs/${path}`)).toEqual({
    type: 'der',
    anchors: '/runs/safe.jsonl',
    reference: { adapter: '/runs/safe' },
    weight: 1,
  });
  const other = { type: 'der', anchors: [{ messages: [] }], reference: 'base' };
  expect(withChangedPaths(other, paths, () => 'changed')).toEqual(other);
});

it('is where two runs are compared: by what lies in folders, not where they are', () => {
  expect(withoutFolders(kl({ reference: { checkpoint: '/models/safe' } }).config)).toMatchObject({
    type: 'kl',
    reference: { checkpoint: 'safe' },
  });
  expect(
    withoutFolders(der({ anchors: '/data/safe.jsonl', reference: { adapter: './a/b' } }).config),
  ).toMatchObject({
    anchors: 'safe.jsonl',
    reference: { adapter: 'b' },
  });
});
