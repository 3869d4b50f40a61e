/** UCI Heart Disease, four hospitals: the schema and split of FLamby's Fed-Heart-Disease, and the pinned files. */
import type { CsvSchema } from './csv-schema.ts';

/** One hospital's file, as the UCI repository publishes it. */
export interface PinnedFile {
  /** The site it belongs to. */
  readonly site: string;
  readonly file: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export const heartFiles: readonly PinnedFile[] = [
  {
    site: 'cleveland',
    file: 'processed.cleveland.data',
    bytes: 18461,
    sha256: 'a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8',
  },
  {
    site: 'hungarian',
    file: 'processed.hungarian.data',
    bytes: 10263,
    sha256: 'd1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796',
  },
  {
    site: 'switzerland',
    file: 'processed.switzerland.data',
    bytes: 4109,
    sha256: '834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314',
  },
  {
    site: 'va',
    file: 'processed.va.data',
    bytes: 6737,
    sha256: 'e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f',
  },
];

export const heartLicence = 'CC BY 4.0';
export const heartCredit =
  'Janosi, Steinbrunn, Pfisterer, Detrano (1988), Heart Disease, UCI Machine Learning Repository, doi:10.24432/C52P4X';

const number = (name: string) => ({ name, type: 'number', center: 0, spread: 1 }) as const;
const unused = (name: string) => ({ name, type: 'ignore' }) as const;
const category = (name: string, levels: string[]) => ({ name, type: 'category', levels, dropFirst: true }) as const;

/**
 * FLamby's preprocessing (Ogier du Terrail et al. 2022, fed_heart_disease/dataset.py): slope, ca and thal are left out, rows
 * with a missing value dropped, num above 0 is disease, each hospital split 66 : 34 with seed 43 and scaled by itself.
 * 13 features: age sex trestbps chol fbs thalach exang oldpeak cp=2 cp=3 cp=4 restecg=1 restecg=2.
 */
export const heartSchema: CsvSchema = {
  format: 'csv',
  header: false,
  delimiter: ',',
  missing: ['?'],
  onMissing: 'drop-row',
  columns: [
    number('age'),
    number('sex'),
    category('cp', ['1', '2', '3', '4']),
    number('trestbps'),
    number('chol'),
    number('fbs'),
    category('restecg', ['0', '1', '2']),
    number('thalach'),
    number('exang'),
    number('oldpeak'),
    unused('slope'),
    unused('ca'),
    unused('thal'),
    { name: 'num', type: 'target' },
  ],
  sequence: null,
  target: { type: 'above', value: 0 },
  standardise: 'local',
  split: { type: 'stratified', trainFraction: 0.66, seed: 43 },
};

/** True for a schema of these files: the same columns in the same form, whatever the scaling and the split. */
export function isHeartSchema(schema: CsvSchema): boolean {
  const shape = ({ header, delimiter, columns }: CsvSchema): string =>
    JSON.stringify([header, delimiter, columns.map(({ name, type }) => [name, type])]);
  return shape(schema) === shape(heartSchema);
}
