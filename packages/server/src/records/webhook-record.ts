/** Where a tenant is told of the end of its jobs. */
export interface WebhookRecord {
  /** `whe_...` */
  readonly id: string;
  readonly tenant: string;
  /** Unix times in seconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly name: string;
  readonly url: string;
  /** Such as `fine_tuning.job.succeeded`. */
  readonly eventTypes: readonly string[];
  /** `whsec_...`: what deliveries are signed with, and therefore kept as it is. */
  readonly secret: string;
  /** The secret before it, which deliveries are signed with too until then. */
  readonly previous: { readonly secret: string; readonly until: number } | null;
}

/** An event on its way to a webhook. It goes when it has arrived, or was tried for too long. */
export interface WebhookDeliveryRecord {
  /** `evt_...`, of job and webhook: the same event is the same delivery, whoever finds it. */
  readonly id: string;
  readonly tenant: string;
  readonly createdAt: number;
  readonly webhookId: string;
  /** The JSON that is sent. */
  readonly payload: string;
  readonly attempts: number;
  /** Unix time in milliseconds from which on it may be tried; whoever tries it puts this forward first. */
  readonly nextAt: number;
}
