/** What a member adds to the sum of its group: the update as integers, figures in a segment of their own, then masks over all. */
import type { Evaluation } from '../core/learning/trainer.ts';
import { TrainerFailure } from '../core/learning/trainer-failure.ts';
import { Problem } from '../core/protocol/problem.ts';
import { passed } from '../core/protocol/stage.ts';
import type { Task } from '../core/protocol/task.ts';
import { type Encoding, quantise } from '../core/secagg/encoding.ts';
import { encodeFigures, type Figures, type FiguresLayout } from '../core/secagg/figures.ts';
import type { Segment } from '../core/secagg/manifest.ts';
import type { Mask } from '../core/secagg/mask.ts';
import { pack } from '../core/secagg/packing.ts';
import type { GroupSession, Input, MaskedInput, Noised, Quantised, TrainingReport } from './stages.ts';

/** An update as words of the group's fixed point. Throws TrainerFailure for a weight that is none, Problem `non-finite`. */
export function quantised({ difference, report }: Noised<'group'>, encoding: Encoding): Quantised {
  return passed<Quantised>({ words: quantise(difference, weightOf(report, encoding.weightMax), encoding), report });
}

/** The vectors of a round that trains: update and figures. */
export function trainingInput({ words, report }: Quantised, session: GroupSession, task: Task): Input {
  const { loss, evaluation } = report;
  const figures = { weight: weightOf(report, lossCap(task)), loss, evaluation, alone: null };
  return input(session, { update: words, figures: figureWords(figures, session.figures) });
}

/** The vectors of the final evaluation: figures alone. */
export function evaluationInput(
  told: { readonly evaluation: Evaluation | null; readonly alone: Evaluation | null },
  session: GroupSession,
): Input {
  return input(session, { figures: figureWords({ weight: 1, loss: null, ...told }, session.figures) });
}

/** Throws TrainerFailure for figures that do not have the form of the task: nobody else can say that later, of words that are masked. */
function figureWords(figures: Figures, layout: FiguresLayout): Int32Array<ArrayBuffer> {
  try {
    return encodeFigures(figures, layout);
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause;
    throw untellable(cause.detail);
  }
}

/**
 * Overwrites the input with itself under all masks, and packs it: what is left tells nothing without the other members. `onProgress` hears now
 * and then which fraction of all words is masked.
 */
export async function masked(
  { vectors }: Input,
  masks: readonly Mask[],
  { manifest, ports }: GroupSession,
  onProgress?: (fraction: number) => void,
): Promise<MaskedInput> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const total = vectors.reduce((sum, { length }) => sum + length, 0);
  let before = 0;
  for (const [i, { label, words, bits }] of manifest.segments.entries()) {
    const onPart = (fraction: number): void => onProgress?.((before + fraction * words) / total);
    await ports.applyMasks(masks, { label, length: words, bits }, vectors[i], onPart);
    before += words;
    parts.push(pack(vectors[i], bits));
  }
  return passed<MaskedInput>({ packed: joined(parts) });
}

function input({ manifest }: GroupSession, vectors: { [label in Segment['label']]?: Int32Array<ArrayBuffer> }): Input {
  const ordered = manifest.segments.map(({ label, words }) => {
    const vector = vectors[label];
    if (vector?.length !== words) throw new RangeError(`group: the segment ${label} has ${words} words`);
    return vector;
  });
  return passed<Input>({ vectors: ordered });
}

/** A whole number of examples within the cap; 1 where every update weighs the same. Throws TrainerFailure. */
function weightOf({ examples }: TrainingReport, cap: number | null): number {
  if (cap === null) return 1;
  if (!(Number.isFinite(examples) && examples > 0)) throw untellable('the number of examples is not a positive number');
  return Math.min(cap, Math.max(1, Math.round(examples)));
}

function untellable(what: string): TrainerFailure {
  return new TrainerFailure(
    'trainer',
    `what it tells cannot be added up: ${what}`,
    'Look at the trainer of this site.',
  );
}

/** As the coordinator weighs losses: by examples where the mean does. */
function lossCap({ aggregation }: Task): number | null {
  return aggregation.rule === 'mean' && aggregation.weightBy === 'examples' ? aggregation.weightCap : null;
}

function joined(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0];
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
