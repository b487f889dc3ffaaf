import { join } from 'node:path';
import { note, print } from '../terminal/output.ts';

/** Makes another signing key for the workers whose data folder this is, and says where its public key lies. @throws EvidenceError */
export async function makeSigningKey(data: string): Promise<void> {
  const { rotateSigningKey } = await import('@safetune/server/evidence');
  const folder = join(data, 'keys');
  const { id } = await rotateSigningKey(folder);
  print(`${join(folder, 'public', `${id}.pem`)}\n`);
  note(
    'workers of this folder sign with it from now on: give this public key to whoever verifies, beside the earlier ones, with which older ' +
      'models are verified as before. Where the earlier private key became known, take its public key away\n',
  );
}
