/** Data sets in memory: row-major features and one label per row. */

export interface Dataset {
  readonly rows: number;
  /** Features per row. */
  readonly width: number;
  /** rows × width values, row-major. */
  readonly features: Float32Array;
  /** Class index (0 or 1 for binary tasks) per row. */
  readonly labels: Float32Array;
}

/** Public or site-local affine scaling: x' = (x − center) / spread, per feature. */
export interface Scaler {
  readonly center: Float64Array;
  readonly spread: Float64Array;
}

/** What one site holds for one task. Never leaves the site. */
export interface SiteData {
  readonly train: Dataset;
  readonly test: Dataset;
  readonly featureNames: readonly string[];
  /** Number of classes of the target (2 for binary). */
  readonly classes: number;
  /** The scaling fitted on the training rows of this site, or null when the task declares none. */
  readonly scaler: Scaler | null;
  /** Rows left out because a value was missing. */
  readonly droppedRows: number;
}
