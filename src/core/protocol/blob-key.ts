/** Keys of blobs: what every store of large bytes accepts, so that a key is a path on any disk and in any object store. */

const segmentForm = /^[a-z0-9._-]{1,200}$/;

/** True for a sequence of blob key segments: 1–200 of a–z, 0–9, dot, dash, underscore each, joined by `/`; never `.` or `..`. */
export function isBlobKey(key: string): boolean {
  return key.split('/').every(segment => segmentForm.test(segment) && segment !== '.' && segment !== '..');
}

/** Throws RangeError for anything that is not a blob key. Keys are made by our own code, from names that were verified before. */
export function checkBlobKey(key: string): void {
  if (!isBlobKey(key)) throw new RangeError(`blobs: ${JSON.stringify(key.slice(0, 100))} is not a key`);
}
