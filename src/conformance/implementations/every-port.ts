/** The ports of the primitives, one against the others: a vector holds when it holds on each of them. */
import type { GroupPrimitives } from '../../core/crypto/group-primitives.ts';
import { nobleGroupPrimitives } from '../../core/crypto/noble-group-primitives.ts';
import { noblePrimitives } from '../../core/crypto/noble-primitives.ts';
import { sodiumGroupPrimitives } from '../../core/crypto/sodium-group-primitives.ts';
import { sodiumPrimitives } from '../../core/crypto/sodium-primitives.ts';
import { nodeGroupPrimitives } from '../../node/group-primitives.ts';
import { nodePrimitives } from '../../node/primitives.ts';
import { type Implementation, refused } from '../case.ts';
import { isRefusal } from '../judge.ts';
import { answering } from './bytes.ts';

/** As in Node; libsodium, as in browsers; noble alone. Digests are of OpenSSL in the first two. */
export async function ports(): Promise<readonly GroupPrimitives[]> {
  const noble = noblePrimitives(nodePrimitives.randomBytes);
  return [
    await nodeGroupPrimitives(),
    await sodiumGroupPrimitives(await sodiumPrimitives(nodePrimitives)),
    nobleGroupPrimitives(noble),
  ];
}

/** What all ports answer. Texts, truth values and refusals only. Throws TypeError when one answers something else. */
export function onEveryPort(
  run: (port: GroupPrimitives, input: Readonly<Record<string, unknown>>) => unknown,
): Implementation {
  return answering(async input => agreed((await ports()).map(port => () => run(port, input))));
}

/** What all of them answer, as `onEveryPort`. */
export function agreed(runs: readonly (() => unknown)[]): unknown {
  const answers = runs.map(orRefused).map(answer => (typeof answer === 'symbol' ? answer : JSON.stringify(answer)));
  const [first] = answers;
  if (answers.some(answer => answer !== first)) throw new TypeError(`ports differ: ${answers.map(String).join(', ')}`);
  return typeof first === 'string' ? JSON.parse(first) : refused;
}

function orRefused(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (isRefusal(error)) return refused;
    throw error;
  }
}
