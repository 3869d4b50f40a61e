/** Part of the suite `secagg`: one member's whole session in a group of 50, and what it sends in one of 64. */
import { availableParallelism } from 'node:os';
import type { GroupPrimitives, Keystream } from '../src/core/crypto/group-primitives.ts';
import type { GroupPorts } from '../src/core/secagg/group-ports.ts';
import { nodeGroupPorts } from '../src/node/group-ports.ts';
import { nodeKeystream } from '../src/node/keystream.ts';
import { maskThreads } from '../src/node/secagg/mask-threads.ts';
import { type BenchResult, finished, summarise } from './harness.ts';
import { begun, Costs } from './secagg-costs.ts';
import { type BenchGroup, makeGroup } from './secagg-group.ts';
import { SessionMember, type Told } from './secagg-member.ts';
import { playSession, sampleUpdate } from './secagg-session.ts';

const dimension = 1_000_000;
const runs = 7;
const size = 50;
/** In the middle, where as many members come before as after. */
const at = 25;

/**
 * Seconds of one member's session in a group of 50, a million values of 32 bits: keys, 49 boxes sealed and opened, pair secrets, update
 * encoded, 50 masks, digest, signatures made and checked, R0 to R4. `client.g50.d1e6`: on the clock, masks on as many threads as there are
 * cores; `.cpu` its CPU time; `.alone` on one thread. `.PART`: where the CPU time of one thread goes.
 *
 * Not in it: the network, the chain of the other members' certificates, and training.
 */
export async function secaggClient(): Promise<BenchResult[]> {
  const ports = await nodeGroupPorts();
  const group = makeGroup(size, dimension, ports.primitives);
  const heard = await rehearse(group, ports);
  const threads = await maskThreads(availableParallelism());
  const shared: GroupPorts = {
    ...ports,
    applyMasks: (masks, segment, vector) => threads.applyMasks(masks, segment, vector),
  };
  const update = sampleUpdate(dimension);
  const once = async (on: GroupPorts) => {
    const costs = new Costs();
    const end = begun();
    await replay(group, { ...on, primitives: drawing(on.primitives) }, update, heard, costs);
    return { ...end(), parts: costs.parts };
  };
  for (let i = 0; i < 2; i++) for (const on of [shared, ports]) await once(on);
  const both: Awaited<ReturnType<typeof once>>[] = [];
  const alone: typeof both = [];
  for (let run = 0; run < runs; run++) {
    both.push(await once(shared));
    alone.push(await once(ports));
  }
  await threads.close();
  const name = 'client.g50.d1e6';
  const parts = [...alone[0].parts.keys()];
  return [
    summarise(
      name,
      's',
      both.map(({ wall }) => wall),
      threads.count,
    ),
    summarise(
      `${name}.cpu`,
      's of CPU',
      both.map(({ cpu }) => cpu),
    ),
    summarise(
      `${name}.alone`,
      's',
      alone.map(({ wall }) => wall),
    ),
    summarise(
      `${name}.alone.cpu`,
      's of CPU',
      alone.map(({ cpu }) => cpu),
    ),
    ...parts.map(part =>
      summarise(
        `${name}.${part}`,
        's of CPU',
        alone.map(({ parts: own }) => own.get(part)?.cpu ?? 0),
      ),
    ),
  ];
}

/**
 * `bytes.ratio.g64`: the most that any member of a group of 64 sends for a million values in a round in which all stay, over 4 bytes a value;
 * `.mean` of all members.
 */
export async function secaggBytes(): Promise<BenchResult[]> {
  const ports = await nodeGroupPorts();
  const group = makeGroup(64, dimension, ports.primitives);
  const { uploads } = await playSession(group, { ports, isReal: () => false });
  const plain = 4 * dimension;
  const vector = group.manifest.segments.reduce((sum, { words }) => sum + 4 * words, 0);
  const ratios = uploads.map(bytes => (bytes + vector) / plain);
  return [
    finished({ name: 'bytes.ratio.g64', value: Math.max(...ratios), unit: 'times', runs: 1 }),
    finished({
      name: 'bytes.ratio.g64.mean',
      value: ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length,
      unit: 'times',
      runs: 1,
    }),
  ];
}

/** All that the coordinator tells the member and acknowledges, in order: heard once, told again in each run. */
interface Heard {
  readonly told: readonly Told[];
  readonly receipts: readonly Uint8Array[];
}

/** A session with the vector of nobody but the member: the others' masks are of no use here. */
async function rehearse(group: BenchGroup, ports: GroupPorts): Promise<Heard> {
  const told: Told[] = [];
  const receipts: Uint8Array[] = [];
  const own = { ...ports, primitives: drawing(ports.primitives) };
  await playSession(group, {
    ports,
    portsOf: place => (place === at ? own : ports),
    isReal: place => place === at,
    onTold: (place, message) => place === at && told.push(message),
    onReceipt: (place, receipt) => place === at && receipts.push(receipt),
  });
  return { told, receipts };
}

async function replay(
  group: BenchGroup,
  ports: GroupPorts,
  update: Float32Array,
  { told, receipts }: Heard,
  costs: Costs,
): Promise<void> {
  const member = new SessionMember(group, at, { update, ports, costs });
  let sent = member.begin();
  for (const [i, message] of told.entries()) {
    member.acknowledged(sent, receipts[i]);
    const next = await member.hear(message);
    if (next !== null) sent = next;
    else if (i !== told.length - 1) throw new Error('bench: the session ends early');
  }
}

/** Random bytes as quick as those of the system, and the same each time: the member says the same again. */
function drawing(primitives: GroupPrimitives, keystream: Keystream = nodeKeystream): GroupPrimitives {
  const reader = keystream.open(new Uint8Array(32).fill(7));
  const randomBytes = (count: number): Uint8Array => {
    const bytes = new Uint8Array(count);
    reader.fill(bytes);
    return bytes;
  };
  return { ...primitives, randomBytes };
}
