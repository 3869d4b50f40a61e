/** Writing public constants into a task file: the YAML is edited, so that comments and order stay. */
import { type Document, isMap, isScalar, isSeq, Scalar, type YAMLMap } from 'yaml';
import type { ColumnScaling } from '../core/data/moments.ts';

const standardise = ['data', 'standardise'];

/** Sets data.standardise to none where it says how to scale: the constants will say it. What else may stand there stays. */
export function dropStandardise(document: Document.Parsed): void {
  const value = document.getIn(standardise);
  if (value === 'federated' || value === 'local') document.setIn(standardise, 'none');
}

/** Sets center and spread of the columns of these names. The document is that of a valid task. */
export function setConstants(document: Document.Parsed, scaling: readonly ColumnScaling[]): void {
  const columns = document.getIn(['data', 'columns']);
  for (const column of isSeq(columns) ? columns.items : []) {
    const found = isMap(column) ? scaling.find(({ name }) => name === column.get('name')) : undefined;
    if (!isMap(column) || found === undefined) continue;
    setNumber(column, 'center', found.center);
    setNumber(column, 'spread', found.spread);
  }
}

/** The text of the edited file. No line is folded that was not. */
export function documentText(document: Document.Parsed): string {
  return document.toString({ lineWidth: 0 });
}

/** A new scalar: the old one remembers how it was spelt, and would spell the new value so. */
function setNumber(column: YAMLMap, key: string, value: number): void {
  const old = column.get(key, true);
  const scalar = new Scalar(value);
  if (isScalar(old)) Object.assign(scalar, { comment: old.comment, commentBefore: old.commentBefore });
  column.set(key, scalar);
}
