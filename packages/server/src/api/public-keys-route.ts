import { z } from 'zod';
import { publicKeysIn } from '../evidence/public-keys.ts';
import { defineRoute } from './route.ts';

/**
 * `GET /v1/service/public_keys`: what lies in the server's `keys/public` now. Nobody else is asked: who can write to the records or the
 * storage must not be able to add one.
 */
export const listPublicKeys = defineRoute({
  method: 'GET',
  path: '/v1/service/public_keys',
  operation: 'listPublicKeys',
  summary: 'Lists the public keys that signatures of manifests are verified with.',
  access: 'key',
  answer: z.object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        id: z.string().describe("as in a manifest's signature"),
        object: z.literal('service.public_key'),
        algorithm: z.literal('Ed25519'),
        pem: z.string(),
      }),
    ),
  }),
  async handle({ service }) {
    const data = (await publicKeysIn(service.publicKeys)).map(({ id, key }) => ({
      ...{ id, object: 'service.public_key', algorithm: 'Ed25519' },
      pem: key.export({ type: 'spki', format: 'pem' }),
    }));
    return { type: 'json', value: { object: 'list', data } };
  },
});
