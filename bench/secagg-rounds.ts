/** Part of the suite `secagg`: whole rounds, CPU time of all parties together. */
import { nodeGroupPorts } from '../src/node/group-ports.ts';
import { type BenchResult, summarise } from './harness.ts';
import { makeGroup } from './secagg-group.ts';
import { playSession } from './secagg-session.ts';

/** What is played of each kind of round. */
const rounds = [
  { name: 'round.total.10x1e6', groups: 1, size: 10, dimension: 1_000_000, runs: 7 },
  { name: 'round.total.50x1e5', groups: 5, size: 10, dimension: 100_000, runs: 7 },
  { name: 'round.total.50x1e5.complete', groups: 1, size: 50, dimension: 100_000, runs: 3 },
] as const;

/**
 * Seconds of CPU of all members and the coordinator in one process: R0 to R4 with every message made, signed, checked and acknowledged,
 * updates encoded, masked and hashed, the sum opened and decoded. `10x1e6` is a group of ten, `50x1e5` five of them; `.complete` one group of
 * 50. Training, network and disk are not in it.
 */
export async function secaggRounds(): Promise<BenchResult[]> {
  const ports = await nodeGroupPorts();
  const results: BenchResult[] = [];
  for (const { name, groups, size, dimension, runs } of rounds) {
    const made = Array.from({ length: groups }, () => makeGroup(size, dimension, ports.primitives));
    const values: number[] = [];
    // Two runs to warm up, not counted.
    for (let run = -2; run < runs; run++) {
      let cpu = 0;
      for (const group of made) cpu += (await playSession(group, { ports })).cost.cpu;
      if (run >= 0) values.push(cpu);
    }
    results.push(summarise(name, 's of CPU', values));
  }
  return results;
}
