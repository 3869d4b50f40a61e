/** Part of the suite `secagg`: what the coordinator of 500 clients does from the last messages of its members to the clear sum. */
import { applyMasks } from '../src/core/secagg/apply-masks.ts';
import type { GroupPorts } from '../src/core/secagg/group-ports.ts';
import { nodeGroupPorts } from '../src/node/group-ports.ts';
import { nodeKeystream } from '../src/node/keystream.ts';
import { type BenchResult, finished, summarise } from './harness.ts';
import { GroupCoordinator } from './secagg-coordinator.ts';
import { begun, Costs } from './secagg-costs.ts';
import { type DealtGroup, dealGroup } from './secagg-dealt.ts';
import { makeGroup } from './secagg-group.ts';

const clients = 500;
const dimension = 100_000;
/** Every tenth member has dealt its shares and sent no input. */
const dropStep = 10;
const groupSize = 50;
const runs = 2;
/** Words of the sum that are compared with what the members' side says. */
const checkedWords = 64;

/**
 * Seconds of CPU, all threads: `unmask.n500.d1e5.drop10.groups50` (ten groups of 50, 2,700 masks) and `.complete` (one group of 500, 22,950):
 * signatures and checks of the R4 messages, secrets from shares, commitments, roots and ciphertexts of dropped members made anew, pair
 * seeds, sum of the survivors' vectors, masks. `.ratio` is the first over the second, the median of the runs' own ratios. `.complete.PART` is
 * where its time goes.
 */
export async function secaggUnmask(): Promise<BenchResult[]> {
  const ports = await nodeGroupPorts();
  const small = Array.from({ length: clients / groupSize }, () => deal(groupSize, ports));
  const complete = deal(clients, ports);
  const vectors = ports.primitives.randomBytes(65_536);
  const vectorOf = vectorsFrom(vectors, complete);
  const times: { readonly groups: number; readonly complete: number }[] = [];
  let parts = new Costs();
  await openAll(small, ports, vectorOf, new Costs());
  for (let run = 0; run < runs; run++) {
    const groups = await openAll(small, ports, vectorOf, new Costs());
    parts = new Costs();
    times.push({ groups, complete: await openAll([complete], ports, vectorOf, parts) });
  }
  const name = 'unmask.n500.d1e5.drop10';
  return [
    summarise(
      `${name}.groups50`,
      's of CPU',
      times.map(({ groups }) => groups),
    ),
    summarise(
      `${name}.complete`,
      's of CPU',
      times.map(time => time.complete),
    ),
    summarise(
      `${name}.ratio`,
      'times',
      times.map(({ groups, complete: whole }) => groups / whole),
    ),
    ...[...parts.parts].map(([part, { cpu }]) =>
      finished({ name: `${name}.complete.${part}`, value: cpu, unit: 's of CPU', runs: 1 }),
    ),
  ];
}

function deal(size: number, { primitives }: GroupPorts): DealtGroup {
  const group = makeGroup(size, dimension, primitives, 0);
  const dropped = group.members.map((_, at) => at).filter(at => at % dropStep === dropStep - 1);
  return dealGroup(group, new Set(dropped));
}

/** Seconds of CPU. Throws Error for a sum that is wrong. */
async function openAll(
  groups: readonly DealtGroup[],
  ports: GroupPorts,
  vectorOf: (at: number) => Uint8Array,
  costs: Costs,
): Promise<number> {
  let cpu = 0;
  for (const dealt of groups) {
    const coordinator = new GroupCoordinator(dealt.group, ports, costs, dealt.state());
    const end = begun();
    for (const [at, sent] of dealt.unmasks) {
      coordinator.take(at, sent);
      if (coordinator.isAnswered) break;
    }
    coordinator.closeAnswered();
    const [update] = await coordinator.open(vectorOf);
    cpu += end().cpu;
    await expectSum(update, dealt, vectorOf, ports);
  }
  return cpu;
}

/** Distinct places in memory for as many vectors as there are survivors, of random words. */
function vectorsFrom(block: Uint8Array, { group }: DealtGroup): (at: number) => Uint8Array {
  const bytes = group.manifest.segments.reduce((sum, { words }) => sum + 4 * words, 0);
  const all = new Uint8Array(clients * bytes);
  for (let at = 0; at < all.length; at += block.length) all.set(block.subarray(0, all.length - at), at);
  return at => all.subarray(at * bytes, (at + 1) * bytes);
}

/** Sum of the vectors less the masks that the members' side knows of, on the first words. */
async function expectSum(
  update: Int32Array,
  { unmasks, left }: DealtGroup,
  vectorOf: (at: number) => Uint8Array,
  { primitives }: GroupPorts,
): Promise<void> {
  const expected = new Int32Array(checkedWords);
  for (const at of unmasks.keys()) {
    const words = new Int32Array(vectorOf(at).slice(0, 4 * checkedWords).buffer);
    for (let i = 0; i < checkedWords; i++) expected[i] += words[i];
  }
  const masks = left.map(({ seed, sign }) => ({ seed, sign: -sign as 1 | -1 }));
  const segment = { label: 'update', length: checkedWords, bits: 32 } as const;
  await applyMasks(masks, segment, expected, nodeKeystream, primitives);
  if (expected.some((word, i) => word !== update[i])) throw new Error('bench: the sum is not that of the members');
}
