/** Overwriting secrets as soon as they are of no use. Best effort: copies of a runtime, of its big integers and of a port are not reached. */

export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
