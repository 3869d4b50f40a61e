/** Conducting: takes every transition of the run under way that is due, each one atomic write. */
import { writeBlob } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import type { Task } from '../core/protocol/task.ts';
import { isGrouped } from '../core/secagg/make-manifest.ts';
import type { Book, Loaded } from './book.ts';
import { areBudgetsSpent, endSpent } from './budget.ts';
import { combine, isRunningSum, RuleRefusal } from './combine.ts';
import { Fold } from './fold.ts';
import { advanceToss } from './group-coin.ts';
import { advanceGroups, voidReason, voidRound } from './group-conduct.ts';
import { kindOf, openGroups, readiness } from './group-opening.ts';
import { contributors } from './group-record.ts';
import { endSessions } from './group-session.ts';
import { obstacle } from './obstacle.ts';
import type { CoordinatorPorts } from './ports.ts';
import { account, artifactKey, inspect, publish, recall, record, settle } from './round.ts';
import {
  closable,
  complete,
  deadlineMs,
  deadlinePassed,
  deadlineRecounted,
  finished,
  isEvaluated,
  opened,
  reopened,
} from './run.ts';
import { select } from './select.ts';
import type { Charged, Combined, Inspected } from './stages.ts';
import type { ReleaseEvent, Run } from './store.ts';
import { sweep } from './sweep.ts';

/** Takes one transition if one is due; false when there is nothing to do now. */
export async function conduct(book: Book): Promise<boolean> {
  const loaded = book.active ?? (await activate(book));
  if (loaded === null) return false;
  const { run, task } = loaded;
  const now = book.ports.clock.now();
  const recounted = deadlineRecounted(run, task, now);
  if (recounted !== null) {
    await book.commit(recounted);
    return true;
  }
  if (run.phase === 'evaluating' && !isEvaluated(task)) {
    await finish(book, loaded);
    return true;
  }
  if (run.cohort === null)
    return (
      (await advanceToss(book, loaded)) ||
      (await openRound(book, loaded)) ||
      (await endSparing(book, run, now)) ||
      giveUp(book, loaded, now)
    );
  if (run.groups !== null) return conductGroups(book, loaded);
  if (closable(run, task, now) && ruleRefusal(loaded, run) === null) {
    await (run.phase === 'evaluating' ? finish(book, loaded) : closeRound(book, loaded));
    return true;
  }
  const isAnswered = run.phase === 'training' && complete(run);
  if ((isAnswered || deadlinePassed(run, now)) && (await areBudgetsSpent(book, loaded))) {
    await endSpent(book, loaded, 'at its clients');
    return true;
  }
  if (deadlinePassed(run, now)) {
    // Who could not take part may be able to now.
    book.forgive(run.task);
    return reopen(book, loaded, whyNot(loaded, 'at the deadline'), null);
  }
  // Everyone asked has answered, and that is not enough: others are asked at once, the same ones not before the deadline.
  if (isAnswered) {
    return reopen(book, loaded, whyNot(loaded, 'as clients were refused or declined'), run.deadlineAt);
  }
  await foldArrived(book, loaded);
  return false;
}

/**
 * Ends the waiting for a set of groups that does not come together: a model that is trained is published, also where too few are left to
 * evaluate it; a round that needs clients who do not come back is void, so that its number passes and others may be asked.
 */
async function giveUp(book: Book, loaded: Loaded, nowMs: number): Promise<boolean> {
  const { run, task } = loaded;
  if (!isGrouped(task, kindOf(run))) return false;
  const { eligible, waiting } = readiness(book, loaded, run);
  if (run.phase === 'training' && eligible.awaited.length === 0) {
    loaded.givesUpAt = null;
    return false;
  }
  loaded.givesUpAt ??= nowMs + deadlineMs(task);
  if (nowMs < loaded.givesUpAt) return false;
  if (run.phase === 'training') {
    await voidRound(book, loaded, `waited ${waiting}`);
    return true;
  }
  book.ports.log({ event: 'not-evaluated', level: 'warn', task: run.task, detail: 'too few clients for a group' });
  await finish(book, loaded);
  return true;
}

/** Takes one transition of a round of groups: the same round is never asked twice, so that one without a result is void. */
async function conductGroups(book: Book, loaded: Loaded): Promise<boolean> {
  const progress = await advanceGroups(book, loaded);
  if (progress !== 'over') return progress === 'changed';
  const { run, task } = loaded;
  if (run.phase === 'evaluating') {
    await finish(book, loaded);
    return true;
  }
  const why = obstacle(run, task) ?? ruleRefusal(loaded, run);
  if (why === null) await closeRound(book, loaded);
  else if (await areBudgetsSpent(book, loaded)) await endSpent(book, loaded, 'at its clients');
  else await voidRound(book, loaded, voidReason(run, why));
  return true;
}

/** Why a round is not closed, in words. */
function whyNot(loaded: Loaded, when: string): string {
  const { run, task } = loaded;
  const why = run.phase === 'training' ? (obstacle(run, task) ?? ruleRefusal(loaded, run)) : null;
  return why === null || why === 'below its quorum' ? `below its quorum ${when}` : why;
}

/** Why the rule has refused exactly what the round has now, or null. */
function ruleRefusal({ refusal }: Loaded, run: Run): string | null {
  return refusal?.of === arrived(run) ? refusal.why : null;
}

/** Names what the rule would see of a round. */
function arrived({ phase, round, received, offenders }: Run): string {
  return `${phase} ${round}: ${received.length} updates, ${offenders.length} refused`;
}

/** Once the deadline of a round that waits has passed, nobody is spared any more, and there is nothing to wake for. */
async function endSparing(book: Book, run: Run, nowMs: number): Promise<boolean> {
  if (!deadlinePassed(run, nowMs)) return false;
  await book.commit({ ...run, deadlineAt: null });
  return true;
}

async function reopen(book: Book, loaded: Loaded, why: string, spareUntilMs: number | null): Promise<boolean> {
  const { run } = loaded;
  book.ports.log({ event: 'round-extended', level: 'warn', task: run.task, round: run.round, detail: why });
  // Who is asked anew may come before those added already.
  loaded.fold = null;
  await book.commit(reopened(run, why, spareUntilMs));
  return true;
}

/** Adds what has arrived to the running sum. A failure costs only the head start: the sum begins anew when the round closes. */
async function foldArrived(book: Book, loaded: Loaded): Promise<void> {
  const { run, task, parameters } = loaded;
  if (run.phase !== 'training' || run.received.length === 0 || !isRunningSum(task)) return;
  const fold = loaded.fold ?? new Fold(book.ports.blobs, run, parameters.length);
  loaded.fold = null;
  try {
    await fold.advance(run);
    loaded.fold = fold;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    book.ports.log({ event: 'fold-failed', level: 'warn', task: run.task, round: run.round, detail });
  }
}

async function activate(book: Book): Promise<Loaded | null> {
  const loaded = await book.load();
  if (loaded === null) return null;
  if (loaded.run.phase === 'queued') await book.commit({ ...loaded.run, phase: 'training' });
  await sweep(book, loaded.run);
  await settle(loaded.run, book.ports);
  return loaded;
}

async function openRound(book: Book, loaded: Loaded): Promise<boolean> {
  const run = await withOpening(book, loaded, loaded.run);
  if (run === null) return false;
  loaded.givesUpAt = null;
  await book.commit(run);
  await book.ports.step('round-open');
  return true;
}

/** The run with its round open for those who are present, or null when they are too few. */
async function withOpening(
  book: Book,
  loaded: Loaded,
  run: Run,
  combined: readonly string[] = [],
): Promise<Run | null> {
  const { primitives, clock } = book.ports;
  const evaluating = run.phase === 'evaluating';
  if (evaluating && !isEvaluated(loaded.task)) return null;
  if (isGrouped(loaded.task, kindOf(run))) return openGroups(book, loaded, run, evaluating ? combined : []);
  const answered = (evaluating ? run.evaluations : run.received).map(answer => answer.client);
  const done = new Set([...answered, ...run.refused, ...book.declined(run.task)]);
  // Whoever was combined in the last round is asked to evaluate, also when it is not listening at this instant.
  const awaited = evaluating ? [...combined, ...run.passedOver] : [];
  const present = [...new Set([...book.presence.present(), ...awaited])];
  const free = present.filter(client => !done.has(client)).sort();
  const isSparing = run.deadlineAt !== null && clock.now() < run.deadlineAt;
  const candidates = {
    answered,
    fresh: free.filter(client => !run.passedOver.includes(client)),
    passedOver: isSparing ? [] : free.filter(client => run.passedOver.includes(client)),
  };
  const task = evaluating ? everyone(loaded.task) : loaded.task;
  const draw = { taskHash: loaded.taskHash, round: run.round, attempt: run.attempt };
  const selection = select(task, draw, candidates, primitives);
  if (selection === null) return null;
  // Nobody new is there to be asked: the round stays as it is unless what it has is enough.
  const isAnswered = selection.cohort.every(client => answered.includes(client));
  const isStuck = obstacle(run, loaded.task) !== null || ruleRefusal(loaded, run) !== null;
  if (!evaluating && isAnswered && isStuck) return null;
  return opened(run, selection, loaded.task, clock.now());
}

async function closeRound(book: Book, loaded: Loaded): Promise<void> {
  const { ports } = book;
  const known = loaded.pending?.of === loaded.run ? loaded.pending.combined : await combineRound(book, loaded);
  if (known === null) return;
  loaded.pending = { of: loaded.run, combined: known };
  const { inspected } = known.charged;
  await ports.step('round-combined');
  const { groups } = inspected.run;
  const clients = groups === null ? inspected.updates.map(update => update.client) : contributors(groups);
  const recorded = await record(known, async run => (await withOpening(book, loaded, run, clients)) ?? run, ports);
  loaded.pending = null;
  loaded.parameters = recorded.parameters;
  endSessions(book, loaded);
  book.remember(recorded.run);
  const { dropped, updates, run } = inspected;
  const { refused } = recorded.report;
  const detail = `${updates.length} combined, ${refused.length} refused, ${dropped.length} dropped out`;
  ports.log({ event: 'round-closed', task: run.task, round: run.round, detail });
  for (const client of dropped)
    ports.log({ event: 'dropped-out', level: 'warn', client, task: run.task, round: run.round });
  const { stopping } = recorded.run;
  if (stopping?.over) {
    const why = `no better than round ${stopping.best.round} for ${stopping.waited} evaluations`;
    ports.log({ event: 'stopped-early', task: run.task, round: run.round, detail: why });
  }
  await settle(recorded.run, ports);
  await sweep(book, recorded.run);
  await ports.step('round-swept');
}

/** Null when the budget has ended the run, or when the rule refuses. */
async function combineRound(book: Book, loaded: Loaded): Promise<Combined | null> {
  const { ports } = book;
  const { run, task } = loaded;
  const charged = loaded.charged?.of === run ? loaded.charged.charged : await tryToCharge(inspect(run, task), ports);
  if (charged === null) {
    await endSpent(book, loaded, 'of this run');
    return null;
  }
  loaded.charged = { of: run, charged };
  const fold = loaded.fold ?? new Fold(ports.blobs, run, loaded.parameters.length);
  loaded.fold = null;
  const combined = await tryToCombine(charged, fold, loaded, ports);
  // What the rule refused has shown that it does.
  loaded.charged = null;
  return combined;
}

/** Null when the budget does not allow the release: nothing noisy was drawn. */
async function tryToCharge(inspected: Inspected, ports: CoordinatorPorts): Promise<Charged | null> {
  try {
    return await account(inspected, ports);
  } catch (error) {
    if (error instanceof Problem && error.code === 'budget-spent') return null;
    throw error;
  }
}

/** Null when the rule refuses: the round goes on as one that lacks clients. */
async function tryToCombine(
  charged: Charged,
  fold: Fold,
  loaded: Loaded,
  ports: CoordinatorPorts,
): Promise<Combined | null> {
  try {
    return await combine(charged, fold, loaded.parameters, ports);
  } catch (error) {
    if (!(error instanceof RuleRefusal)) throw error;
    loaded.refusal = { of: arrived(loaded.run), why: `because the rule refuses: ${error.message}` };
    return null;
  }
}

async function finish(book: Book, loaded: Loaded): Promise<void> {
  await writeArtifact(book, loaded);
  await book.ports.step('artifact-blob');
  endSessions(book, loaded);
  await book.commit(finished(loaded.run, book.ports.clock.now()));
  book.active = null;
  await sweep(book, book.get(loaded.run.task) ?? loaded.run);
  book.ports.log({ event: 'run-finished', task: loaded.run.task });
  await book.ports.step('run-finished');
}

/**
 * Publishes the model that the run has now: of the last closed round, or the best of a run that ended early.
 *
 * @param unrecorded releases that the store will hold with the end of the run.
 */
export async function writeArtifact(
  book: Book,
  loaded: Loaded,
  unrecorded: readonly ReleaseEvent[] = [],
): Promise<void> {
  const recorded = await recall(loaded.run, loaded.parameters, book.ports);
  const artifact = await publish(recorded, loaded, book.ports, unrecorded);
  await writeBlob(book.ports.blobs, artifactKey(artifact.task), artifact.bytes);
}

/** The final evaluation asks every present client. */
const everyone = (task: Task): Task => ({
  ...task,
  cohort: { ...task.cohort, fraction: 1, minimum: 1, overSelection: 0 },
});
