/** What `parley simulate` tells of a run: for people, and as one document. */
import { resolve } from 'node:path';
import type { RunStatus } from '../coordinator/status.ts';
import type { Quality } from '../core/learning/quality.ts';
import type { Task } from '../core/protocol/task.ts';
import type { Fault } from '../simulation/faults.ts';
import { budgetSpentText, stoppedEarlyText } from './follow.ts';
import { neverCountedText } from './left-out.ts';
import { faint, printLine, strong } from './output.ts';
import { resultTable } from './result.ts';
import { qualityDocument } from './result-document.ts';
import { groupsOfRun } from './round-groups.ts';
import type { SimulatedData } from './simulate-data.ts';
import { attackDocument, attackText, type PlannedAttack } from './simulated-attack.ts';

/** What a simulated run came to. */
export interface SimulatedRun {
  readonly task: Task;
  readonly data: SimulatedData;
  readonly status: RunStatus;
  readonly virtualMs: number;
  readonly pooled: Quality | null;
  readonly seconds: number;
  readonly attacked: { readonly attack: PlannedAttack; readonly factors: readonly number[] } | null;
}

/** What the run was asked for. */
export interface SimulatedSettings {
  readonly faults: readonly Fault[];
  readonly options: { readonly seed: number; readonly drop: number; readonly output?: string };
}

/** The one document of `--json`. */
export function simulatedDocument({
  task,
  data,
  faults,
  options,
  status,
  virtualMs,
  pooled,
  seconds,
  attacked,
}: SimulatedRun & SimulatedSettings): unknown {
  const { reports, ...rest } = status;
  return {
    dataSource: { label: data.label, generated: data.generated },
    task: rest.task,
    name: task.name,
    seed: options.seed,
    faults,
    drop: options.drop,
    attack: attacked && attackDocument(attacked.attack, attacked.factors, reports),
    parameters: rest.parameters,
    unit: rest.unit,
    rounds: reports.map(({ task: _task, ...report }) => report),
    stoppedEarly: rest.stoppedEarly,
    privacy: rest.privacy,
    dropOuts: reports.reduce((sum, report) => sum + report.dropped.length, 0),
    refusals: rest.refusals,
    ...qualityDocument(status, pooled),
    model: rest.model,
    output: options.output === undefined ? undefined : resolve(options.output),
    virtualSeconds: virtualMs / 1000,
    seconds: Math.round(seconds * 100) / 100,
  };
}

/** For people. */
export function printSimulated({ task, data, status, virtualMs, pooled, seconds, attacked }: SimulatedRun): void {
  if (status.privacy?.budgetSpentAfter === 0) return printLine('No round was finished: there is no model.');
  const dropOuts = status.reports.reduce((sum, report) => sum + report.dropped.length, 0);
  const refusals = status.refusals.reduce((sum, refusal) => sum + refusal.count, 0);
  const virtual = (virtualMs / 1000).toFixed(1);
  printLine(
    strong(
      `${status.round} rounds with ${data.sites.length} clients: ${virtual} s of virtual time in ${seconds.toFixed(1)} s`,
    ),
  );
  printLine(`data: ${data.label}`);
  printLine(`drop-outs: ${dropOuts}, refused messages: ${refusals}`);
  const groups = groupsOfRun(status.reports);
  if (groups !== null) printLine(groups);
  if (attacked !== null) {
    const clients = data.sites.map(site => site.name);
    printLine();
    printLine(attackText(attacked.attack, attacked.factors, status.reports, { task, clients }));
  }
  printLine();
  printLine(resultTable(status, pooled ?? undefined));
  if (status.privacy !== null)
    printLine(
      faint(
        `measured by the simulation${pooled === null ? '' : ', pooled training without privacy'}; no client tells such figures`,
      ),
    );
  printLine();
  const never = neverCountedText(status.reports);
  if (never !== null) printLine(never);
  const spent = budgetSpentText(status);
  if (spent !== null) printLine(spent);
  if (status.stoppedEarly !== null) printLine(stoppedEarlyText(status.stoppedEarly));
  printLine(`model ${status.model}`);
  const again = status.privacy === null ? 'the same seed and faults give the same' : 'noise is drawn anew in every run';
  printLine(faint(`SHA-256 of its parameters; ${again}`));
}
