/** Data sets in memory: row-major features and labels. */

/** rows × width values, row-major: as they are, or as bytes (a quarter of the memory). Read with `copyRows`. */
export type Features = Float32Array | ByteFeatures;

export interface ByteFeatures {
  /** rows × width. */
  readonly bytes: Uint8Array;
  /** The value that each of the 256 bytes stands for. */
  readonly values: Float32Array;
}

export interface Dataset<F extends Features = Features> {
  readonly rows: number;
  /** Features per row. */
  readonly width: number;
  readonly features: F;
  /** Labels per row: 1, or one per step where a row is asked about each of its steps (text). */
  readonly labelWidth: number;
  /** rows × labelWidth, row-major: class index (0 or 1 for binary tasks), or the number to predict. */
  readonly labels: Float32Array;
}

/** Public or site-local affine scaling: x' = (x − center) / spread, per feature. */
export interface Scaler {
  readonly center: Float64Array;
  readonly spread: Float64Array;
}

/** What one site holds for one task. Never leaves the site. */
export interface SiteData<F extends Features = Features> {
  readonly train: Dataset<F>;
  readonly test: Dataset<F>;
  readonly featureNames: readonly string[];
  /** Number of classes of the target (2 for binary); 0 where numbers are predicted. */
  readonly classes: number;
  /** The scaling fitted on the training rows of this site, or null when the task declares none. */
  readonly scaler: Scaler | null;
  /** Rows left out because a value was missing. */
  readonly droppedRows: number;
}
