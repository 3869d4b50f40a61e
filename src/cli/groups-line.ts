/** What a closed round of groups was, in the line of the round and of a run. */
import type { GroupStatus } from '../coordinator/status.ts';
import type { RoundReport } from '../coordinator/store.ts';

/** Who is in the result: `7/8 clients`, of groups `7/8 clients in 1 group`, or that the round is void. */
export function combinedText({ combined, cohort, groups }: RoundReport): string {
  if (groups === null) return `${combined.length}/${cohort} clients`;
  if (combined.length === 0) return 'void: the model stays as it was';
  const opened = groups.filter(({ outcome }) => outcome === 'opened');
  const clients = opened.reduce((sum, { survivors }) => sum + survivors.length, 0);
  const what = opened.length === 1 ? 'in 1 group' : `in ${opened.length} groups`;
  const lost = groups.length - opened.length;
  return `${clients}/${cohort} clients ${what}${lost === 0 ? '' : `, ${lost} void`}`;
}

/** Why groups have no sum, and who broke the protocol; empty for a round in which all went well. */
export function groupTroubles({ groups }: RoundReport): string[] {
  if (groups === null) return [];
  const voids = groups.flatMap(({ why }, i) => (why === null ? [] : [`group-${i + 1}: ${why}`]));
  const blamed = groups.flatMap(group => group.blamed);
  return blamed.length === 0 ? voids : [...voids, `broke the protocol of its group: ${blamed.join(', ')}`];
}

/** What the members of the open groups do: their step, and how many of them have done it. */
export function openGroupsText(groups: readonly GroupStatus[]): string {
  const open = groups.filter(({ stage }) => stage !== 'opened' && stage !== 'void');
  return open
    .map(({ name, stage, answered, members }) => `${name} ${steps[stage]} ${answered.length}/${members}`)
    .join(', ');
}

const steps: Readonly<Record<GroupStatus['stage'], string>> = {
  keys: 'trains',
  shares: 'deals shares',
  input: 'sends masked inputs',
  agree: 'agrees on who is in the sum',
  unmask: 'opens the sum',
  opened: 'is opened',
  void: 'is void',
};
