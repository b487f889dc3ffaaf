/** Now, in seconds since 1970, as records and the API have times. */
export function unixTime(): number {
  return Math.floor(Date.now() / 1000);
}
