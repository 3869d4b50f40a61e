/** The groups of all rounds of a run in one line. */
import type { RoundReport } from '../coordinator/store.ts';

/** Null for a run without groups. */
export function groupsOfRun(reports: readonly Pick<RoundReport, 'groups'>[]): string | null {
  const all = reports.flatMap(({ groups }) => groups ?? []);
  if (all.length === 0) return null;
  const sizes = all.flatMap(({ outcome, survivors }) => (outcome === 'opened' ? [survivors.length] : []));
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const of = sizes.length === 0 ? '' : `, of ${least === most ? least : `${least} to ${most}`} updates each`;
  const voids = all.length - sizes.length;
  return `groups: ${sizes.length} ${sizes.length === 1 ? 'sum' : 'sums'} opened${of}${voids === 0 ? '' : `; ${voids} void`}`;
}
