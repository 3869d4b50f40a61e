/** Rows that an audit trains on. */

/** Rows of the audited model: features and a class. */
export interface Examples {
  readonly rows: readonly { readonly features: ArrayLike<number>; readonly label: number }[];
}
