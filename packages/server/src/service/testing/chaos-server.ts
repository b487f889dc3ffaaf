/** A server that is killed: `chaos-server.ts SETTINGS`, as JSON. It says its address and, when it made one, the operator's key. */
import { type ServiceSettings, startService } from '../start-service.ts';

const { address, firstKey } = await startService(JSON.parse(process.argv[2]!) as ServiceSettings);
process.send!({ address, firstKey });
// Whoever kills is gone.
process.once('disconnect', () => process.exit(1));
