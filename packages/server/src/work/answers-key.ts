/** Where the storage has the answers that the gate's judge saw: beside the model and not in it, as they are for the operator alone. */
export function answersKey(jobId: string): string {
  return `operator/${jobId}/answers.html`;
}
