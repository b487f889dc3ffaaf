import { chatRoutes } from './chat/chat-routes.ts';
import { fileRoutes } from './files/file-routes.ts';
import { healthRoutes } from './health-routes.ts';
import { estimateJob } from './inspection/estimate-route.ts';
import { retrieveLimits } from './inspection/limits-route.ts';
import { previewFile } from './inspection/preview-route.ts';
import { jobRoutes } from './jobs/job-routes.ts';
import { keyRoutes } from './keys/key-routes.ts';
import { modelRoutes } from './models/model-routes.ts';
import { gateRoutes } from './operator/gate-routes.ts';
import { retrieveQueue } from './operator/queue-route.ts';
import { tenantRoutes } from './operator/tenant-routes.ts';
import { listPublicKeys } from './public-keys-route.ts';
import type { Route } from './route.ts';
import { webhookRoutes } from './webhooks/webhook-routes.ts';

/** Everything that the API is. */
export const apiRoutes: readonly Route[] = [
  ...fileRoutes,
  ...jobRoutes,
  previewFile,
  estimateJob,
  retrieveLimits,
  ...modelRoutes,
  listPublicKeys,
  ...chatRoutes,
  ...webhookRoutes,
  ...keyRoutes,
  ...gateRoutes,
  ...tenantRoutes,
  retrieveQueue,
  ...healthRoutes,
];
