/** What a webhook can be told. */
export const webhookEventTypes = [
  'fine_tuning.job.succeeded',
  'fine_tuning.job.failed',
  'fine_tuning.job.cancelled',
] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];

/** The JSON of an event, as OpenAI's clients unwrap it. */
export function webhookPayload(event: {
  readonly id: string;
  readonly createdAt: number;
  readonly type: WebhookEventType;
  readonly jobId: string;
}): string {
  const { id, createdAt, type, jobId } = event;
  return JSON.stringify({ id, object: 'event', created_at: createdAt, type, data: { id: jobId } });
}
