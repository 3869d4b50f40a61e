/**
 * Group sessions under random faults, and the laws that every one of them keeps. Also a command:
 *
 *     node test/simulation/secagg-rounds.ts --sessions 10000 [--from 1] [--real 100]
 */
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { encodeCbor } from '../../src/core/bytes/cbor.ts';
import type { GroupPrimitives } from '../../src/core/crypto/group-primitives.ts';
import { nobleSigner } from '../../src/core/crypto/noble-primitives.ts';
import type { Segment } from '../../src/core/secagg/manifest.ts';
import { verifyBlame } from '../../src/core/secagg/verify-blame.ts';
import { nodeGroupPrimitives } from '../../src/node/group-primitives.ts';
import { nodeKeystream } from '../../src/node/keystream.ts';
import { nodePrimitives } from '../../src/node/primitives.ts';
import { randomSessionFaults, type SessionFaults } from '../../src/simulation/secagg-faults.ts';
import {
  runSession,
  type SessionPlan,
  type SessionPorts,
  type SessionResult,
} from '../../src/simulation/secagg-session.ts';
import { standInPrimitives, standInSigner } from '../../src/simulation/secagg-stand-ins.ts';
import { streamOf } from '../../src/simulation/stream.ts';

const stepMs = 4000;
const turns = { turn: () => new Promise<void>(resolve => setImmediate(resolve)) };

/** Sessions on stand-ins for all cryptography but digests and keystreams. */
export function standInPorts(): SessionPorts {
  const { sha256 } = nodePrimitives;
  const randomBytes = (): Uint8Array => {
    throw new RangeError('every member has its own');
  };
  return {
    primitives: standInPrimitives(sha256, randomBytes),
    keystream: nodeKeystream,
    signer: seed => standInSigner(sha256, seed),
    turns,
  };
}

/** The real ones. */
export async function realPorts(): Promise<SessionPorts> {
  return { primitives: await nodeGroupPrimitives(), keystream: nodeKeystream, signer: nobleSigner, turns };
}

/** 3 to 9 members, short vectors, any word sizes. @param faults default: drawn from the seed. */
export function planOf(seed: number, faults?: SessionFaults): SessionPlan {
  const random = streamOf(seed, 'session-plan');
  // More often those that bear a member missing, and small ones, which take less time.
  const members = [3, 4, 4, 4, 5, 6, 7, 7, 8, 9][random.below(10)];
  const bits = ([16, 20, 24, 32] as const)[random.below(4)];
  const segments: Segment[] = [{ label: 'update', words: 1 + random.below(12), bits }];
  if (random.below(2) === 0) segments.push({ label: 'figures', words: 1 + random.below(5), bits: 32 });
  const inputs = Array.from({ length: members }, () =>
    segments.map(segment => Int32Array.from({ length: segment.words }, () => random.uint32() >> (32 - segment.bits))),
  );
  return {
    seed,
    honest: 3,
    colluders: null,
    segments,
    inputs,
    stepMs,
    faults: faults ?? randomSessionFaults(seed, members, stepMs),
  };
}

/** Opened: exactly the sum of the survivors. Void: none, and words that say why. Blamed: only liars, with evidence that anybody can check. */
export function checkSession(plan: SessionPlan, result: SessionResult, primitives: GroupPrimitives): void {
  const { manifest, survivors, sums, blamed } = result;
  const { least } = manifest.thresholds;
  if (result.outcome === 'opened') {
    assert.ok(survivors.length >= least);
    assert.equal(result.why, null);
    for (const [i, { bits, words }] of plan.segments.entries()) {
      const expected = Array.from({ length: words }, (_, w) =>
        BigInt.asUintN(
          bits,
          survivors.reduce((sum, at) => sum + BigInt(plan.inputs[at][i][w]), 0n),
        ),
      );
      assert.deepEqual(
        Array.from(sums?.[i] ?? [], word => BigInt.asUintN(bits, BigInt(word))),
        expected,
      );
    }
  } else {
    assert.equal(sums, null);
    assert.match(result.why ?? '', /\d|dealt|sent/);
  }
  const group = { manifest, publicKeys: result.members.map(({ publicKey }) => publicKey) };
  for (const blame of blamed) {
    assert.ok(plan.faults.liars.has(blame.at), `member ${blame.at} is blamed and honest: ${blame.why}`);
    verifyBlame(blame, group, primitives);
    encodeCbor(blame);
  }
}

export async function survive(seed: number, ports: SessionPorts, faults?: SessionFaults): Promise<SessionResult> {
  const plan = planOf(seed, faults);
  try {
    const result = await runSession(plan, ports);
    checkSession(plan, result, ports.primitives);
    return result;
  } catch (cause) {
    throw new Error(`session ${seed}`, { cause });
  }
}

export interface Tally {
  sessions: number;
  opened: number;
  /** Of these: without some member of the group. */
  openedWithout: number;
  /** Of these: without one that the others had masked with. */
  openedUnmasked: number;
  blamed: number;
  readonly reasons: Map<string, number>;
}

/** @param onDone hears how many sessions have ended. */
export async function surviveAll(
  from: number,
  count: number,
  ports: SessionPorts,
  onDone: (sessions: number) => void = () => undefined,
): Promise<Tally> {
  const tally: Tally = { sessions: 0, opened: 0, openedWithout: 0, openedUnmasked: 0, blamed: 0, reasons: new Map() };
  for (let seed = from; seed < from + count; seed++) {
    const { outcome, members, survivors, sharers, blamed, why } = await survive(seed, ports);
    onDone(++tally.sessions);
    if (outcome === 'opened') tally.opened++;
    if (outcome === 'opened' && survivors.length < members.length) tally.openedWithout++;
    if (outcome === 'opened' && survivors.length < sharers.length) tally.openedUnmasked++;
    if (blamed.length > 0) tally.blamed++;
    if (why !== null) {
      const reason = why.replaceAll(/site-\d+/g, 'SITE').replaceAll(/\d+/g, 'N');
      tally.reasons.set(reason, (tally.reasons.get(reason) ?? 0) + 1);
    }
  }
  return tally;
}

async function command(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sessions: { type: 'string', default: '10000' },
      from: { type: 'string', default: '1' },
      real: { type: 'string', default: '100' },
    },
  });
  const report = async (name: string, from: number, count: number, ports: SessionPorts): Promise<void> => {
    const start = performance.now();
    const { reasons, ...tally } = await surviveAll(from, count, ports, done => {
      if (done % 1000 === 0) process.stderr.write(`${name}: ${done} of ${count}\n`);
    });
    const seconds = Number(((performance.now() - start) / 1000).toFixed(1));
    const most = [...reasons].sort(([, a], [, b]) => b - a).slice(0, 12);
    process.stdout.write(
      `${JSON.stringify({ primitives: name, ...tally, seconds, void: Object.fromEntries(most) })}\n`,
    );
  };
  const from = Number(values.from);
  await report('stand-ins', from, Number(values.sessions), standInPorts());
  await report('X-Wing and Ed25519', from, Number(values.real), await realPorts());
}

if (import.meta.main) await command();
