/** Synthetic data `gmix`: ten Gaussian classes in 50 dimensions, rows on the unit sphere; a seed fixes every bit of it but the last of a cosine. */

export const gmixClasses = 10;
export const gmixWidth = 50;

/** How far the class means lie apart, and the seed they come from. */
const meanScale = 0.55;
const meanSeed = 1000;

export interface GmixSet {
  /** Rows of 50 values of norm 1, row after row. */
  readonly features: Float64Array;
  /** Classes 0 to 9. */
  readonly labels: Uint8Array;
}

/** The set of this number (a natural number: 1 to train on, 2 to test) with so many rows; fewer rows are the first of more. */
export function gmix(set: number, rows: number): GmixSet {
  const means = normals(meanSeed, gmixClasses * gmixWidth).map(value => value * meanScale);
  const chosen = splitMix(10 * set + 1);
  const labels = Uint8Array.from({ length: rows }, () => Math.floor(gmixClasses * uniform(chosen())));
  const features = normals(10 * set + 2, rows * gmixWidth);
  for (let row = 0; row < rows; row++) {
    const here = features.subarray(row * gmixWidth, (row + 1) * gmixWidth);
    for (let i = 0; i < gmixWidth; i++) here[i] += means[labels[row] * gmixWidth + i];
    const norm = Math.sqrt(here.reduce((sum, value) => sum + value * value, 0));
    for (let i = 0; i < gmixWidth; i++) here[i] /= norm;
  }
  return { features, labels };
}

/** Outputs o₁, o₂, … of SplitMix64 (Steele, Lea and Flood 2014): the state moves by the golden ratio before each is mixed from it. */
export function splitMix(seed: number): () => bigint {
  let state = BigInt(seed);
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let mixed = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return mixed ^ (mixed >> 31n);
  };
}

/** In (0, 1): the middles of 2⁵³ intervals. */
function uniform(output: bigint): number {
  return (Number(output >> 11n) + 0.5) / 2 ** 53;
}

/** So many standard normals, two of each two outputs (Box and Muller 1958). */
function normals(seed: number, count: number): Float64Array {
  const next = splitMix(seed);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(uniform(next())));
    const angle = 2 * Math.PI * uniform(next());
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}
