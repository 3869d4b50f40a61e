/** The manifest of a group, from what its members know anyway: coordinator and members each make it, and compare the bytes. */
import type { Primitives } from '../crypto/primitives.ts';
import { planHash, planOfTask } from '../privacy/plan.ts';
import { type GroupSettings, groupSettings } from '../protocol/protection-settings.ts';
import type { Task } from '../protocol/task.ts';
import { sentDimension } from './compression.ts';
import { type Encoding, makeEncoding, wordCount } from './encoding.ts';
import { type FiguresLayout, figuresLayout } from './figures.ts';
import { codeHash, type GroupManifest, type Segment, thresholdsOf } from './manifest.ts';
import { requireSureNoise, type SharedWords, sharedSegment, sharedWords } from './noise-words.ts';

/** What a manifest is made of. */
export interface ManifestRequest {
  readonly task: Task;
  /** SHA-256 of the task. */
  readonly taskHash: Uint8Array;
  readonly federation: string;
  readonly round: number;
  readonly kind: GroupManifest['kind'];
  /** Whether members evaluate the model before they train from it. */
  readonly evaluate: boolean;
  readonly group: number;
  readonly groups: number;
  /** Certificate hashes of the group's members, ascending. */
  readonly members: readonly Uint8Array[];
  /** `drawHash` of the whole cohort. */
  readonly draw: Uint8Array;
  /** SHA-256 of the model that the round starts from. */
  readonly model: Uint8Array;
  /** Version of the program. */
  readonly build: string;
  readonly primitives: Pick<Primitives, 'sha256'>;
}

/**
 * Is a round of this kind a session of groups? Under protection group all are but the final evaluation of a private task: its counts leave
 * every site with noise of their own.
 */
export function isGrouped(task: Task, kind: GroupManifest['kind']): boolean {
  return groupSettings(task.protection) !== null && (kind === 'train' || task.privacy === 'none');
}

/**
 * Throws RangeError for a task without groups, and where no group of so many members can hold its settings, add up its updates or hide a member
 * behind the noise of the others.
 */
export function makeManifest(request: ManifestRequest): GroupManifest {
  const { task, taskHash, federation, round, kind, group, groups, members, draw, model, build, primitives } = request;
  const settings = settingsOf(task);
  const isTraining = kind === 'train';
  const shared = isTraining ? sharedWords(task, taskHash, round, primitives) : null;
  const encoding = isTraining && shared === null ? updateEncoding(task, members.length) : null;
  const thresholds = thresholdsOf(members.length, settings);
  if (shared !== null) requireSureNoise(thresholds, shared);
  const plan = planOfTask(task);
  return {
    federation,
    task: taskHash,
    round,
    kind,
    group,
    groups,
    members,
    draw,
    thresholds,
    segments: segmentsOf(updateSegment(encoding, shared), roundFigures(task, kind, request.evaluate)),
    scaleBits: encoding?.scaleBits ?? 0,
    clipNorm: updateClip(task),
    weightMax: encoding?.weightMax ?? null,
    model,
    code: codeHash(build, primitives),
    plan: plan === null ? null : planHash(plan, primitives),
    stepMs: Math.ceil(settings.stepSeconds * 1000),
  };
}

/**
 * How a task's updates become words in a group of so many, where they hold no shares of noise (`sharedWords`). Throws RangeError as `makeEncoding`.
 */
export function updateEncoding(task: Task, members: number): Encoding {
  return makeEncoding({
    bits: settingsOf(task).bits,
    clipNorm: updateClip(task),
    weightMax: weightMax(task),
    dimension: sentDimension(task),
    members,
  });
}

/** Which figures a round adds up beside the updates. Under privacy none: they leave with noise, or not at all. */
export function roundFigures(task: Task, kind: GroupManifest['kind'], evaluate: boolean): FiguresLayout {
  const isOpen = task.privacy === 'none';
  const isTraining = kind === 'train';
  return figuresLayout(task, {
    loss: isOpen && isTraining,
    evaluation: isOpen && (!isTraining || evaluate),
    alone: isOpen && !isTraining && task.evaluation.aloneBaseline,
  });
}

/** What no update may weigh more than; null where all weigh the same. */
function weightMax({ aggregation, privacy }: Task): number | null {
  const isWeighted = privacy === 'none' && aggregation.rule === 'mean' && aggregation.weightBy === 'examples';
  return isWeighted ? aggregation.weightCap : null;
}

/** The longest update. Where members share noise, what that is for; where each adds all of its own, updates are longer by it. */
function updateClip({ aggregation, privacy }: Task): number {
  const isShared = privacy !== 'none' && privacy.mechanism === 'dp-fedavg' && privacy.noiseAt === 'shared';
  return isShared && typeof privacy.clip === 'number' ? privacy.clip : aggregation.clipNorm;
}

function updateSegment(encoding: Encoding | null, shared: SharedWords | null): Segment[] {
  if (shared !== null) return [sharedSegment(shared)];
  return encoding === null ? [] : [{ label: 'update', words: wordCount(encoding), bits: encoding.bits }];
}

function segmentsOf(update: readonly Segment[], figures: FiguresLayout): readonly Segment[] {
  return figures.words === 0 ? update : [...update, { label: 'figures', words: figures.words, bits: 32 }];
}

function settingsOf({ protection }: Task): GroupSettings {
  const settings = groupSettings(protection);
  if (settings === null) throw new RangeError('manifest: the task has no groups');
  return settings;
}
