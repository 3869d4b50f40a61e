/** Following a run: its rounds as they close, until it ends. */

import type { RunStatus } from '../coordinator/status.ts';
import type { RoundReport } from '../coordinator/store.ts';
import { type Measured, quality } from '../core/learning/quality.ts';
import { pause } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import { systemClock } from '../node/clock.ts';
import type { OperatorChannel } from '../node/http/coordinator-channel.ts';
import { newDeclines } from './declines.ts';
import { combinedText, groupTroubles, openGroupsText } from './groups-line.ts';
import { leftOutText } from './left-out.ts';
import type { Progress } from './output.ts';
import { significant } from './result.ts';

/**
 * Resolves with the last status, and the reports of all rounds in it, when the run has finished or stopped. Survives restarts of the
 * coordinator. Throws Problem: `unavailable` when it stays away, or when the signal aborts.
 */
export async function follow(
  channel: OperatorChannel,
  task: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<RunStatus> {
  const reports: RoundReport[] = [];
  const told = new Set<string>();
  let version = -1;
  let failures = 0;
  for (;;) {
    try {
      const status = await channel.get<RunStatus>(
        `/v1/runs/${task}?after=${version}&since=${reports.at(-1)?.round ?? 0}&wait=2000`,
        signal,
      );
      failures = 0;
      version = status.version;
      for (const line of newDeclines(status.refusals, told)) progress.line(line);
      for (const report of status.reports) progress.line(roundLine(report, status));
      // Each answer holds the rounds since the one before.
      reports.push(...status.reports);
      const line = statusLine(status);
      progress.status(line, lacksClients(status) || status.phase === 'queued' ? line : undefined);
      if (status.phase === 'finished' || status.phase === 'stopped') return { ...status, reports };
      // A fast run changes many times a second; nobody reads that fast.
      await pause(systemClock, 100, signal);
    } catch (error) {
      const passing = error instanceof Problem && error.code === 'unavailable';
      if (signal.aborted || !passing || failures >= 60) throw error;
      // A restarted coordinator counts its versions anew.
      version = -1;
      const trying = 'the coordinator does not answer; trying again';
      progress.status(trying, trying);
      failures++;
      await pause(systemClock, 500, signal);
    }
    if (signal.aborted) throw new Problem('unavailable', 'interrupted');
  }
}

/** One closed round in one line. */
export function roundLine(report: RoundReport, { rounds, unit }: Pick<RunStatus, 'rounds' | 'unit'>): string {
  const parts = [
    `round ${String(report.round).padStart(String(rounds).length)}/${rounds}`,
    combinedText(report),
    `loss ${report.loss === null ? '–' : report.loss.toFixed(4)}`,
  ];
  if (report.evaluation !== null) parts.push(`start: ${qualityText(report.evaluation, unit)}`);
  if (report.dropped.length > 0) parts.push(`dropped out: ${report.dropped.join(', ')}`);
  const leftOut = leftOutText(report);
  if (leftOut !== null) parts.push(leftOut);
  if (report.refused.length > 0) parts.push(`refused: ${report.refused.join(', ')}`);
  parts.push(...groupTroubles(report));
  parts.push(`${(report.milliseconds / 1000).toFixed(2)} s`);
  return parts.join('  ');
}

function qualityText(evaluation: Measured, unit: number): string {
  const found = quality(evaluation, unit);
  return found.kind === 'classes'
    ? `accuracy ${found.accuracy.toFixed(3)}, log loss ${found.logLoss.toFixed(3)}`
    : `MAE ${significant(found.mae)}, RMSE ${significant(found.rmse)}`;
}

/** Does the run wait for a reason that lasts? Between two rounds it waits for a moment. */
function lacksClients({ waiting, present, minimum }: RunStatus): boolean {
  return waiting !== null && (waiting !== enoughClients || (minimum !== null && present.length < minimum));
}

/** The reason that stands in a status while no round has failed. */
const enoughClients = 'for enough clients';

/** Why a run ended before its last round. */
export function stoppedEarlyText({ round, best, evaluations }: NonNullable<RunStatus['stoppedEarly']>): string {
  const how = evaluations === 1 ? '1 evaluation' : `${evaluations} evaluations`;
  return `stopped early at round ${round}: no better than round ${best} for ${how}; the model is that of round ${best}`;
}

/** That a run ended because its privacy budget allowed no other round; null where it did not. */
export function budgetSpentText({ privacy, rounds }: Pick<RunStatus, 'privacy' | 'rounds'>): string | null {
  const after = privacy?.budgetSpentAfter ?? null;
  if (after === null) return null;
  if (after === 0) return 'the privacy budget does not allow a single round, so nothing was released';
  return `privacy budget spent after round ${after} of ${rounds}: the run stopped before the release that would exceed it`;
}

/** What to do about a budget that allows no round. */
export const budgetRemedy =
  'See what is spent: parley privacy ledger, here and at the sites. Noise that is enough: parley privacy plan TASK --epsilon E.';

/** Where a run stands, in one line. */
export function statusLine(status: RunStatus): string {
  const { phase, round, rounds, cohort, answered, present, minimum, waiting, leftMs, stoppedEarly, privacy } = status;
  const { groups, voids } = status;
  const left = leftMs === null ? '' : `, about ${Math.ceil(leftMs / 1000)} s left`;
  if (phase === 'queued') return 'queued behind another run';
  if (phase === 'finished') {
    const early = stoppedEarly === null ? '' : `; ${stoppedEarlyText(stoppedEarly)}`;
    const spent = privacy?.budgetSpentAfter ? `; ${budgetSpentText(status)}` : '';
    const without = voids === 0 ? '' : `, ${voids} of them void`;
    return `finished after ${round} rounds${without}${early}${spent}`;
  }
  if (phase === 'stopped' && privacy?.budgetSpentAfter === 0) return budgetSpentText(status) ?? '';
  if (phase === 'stopped') return `stopped in round ${round}`;
  const what = phase === 'evaluating' ? 'final evaluation' : `round ${round}/${rounds}`;
  if (waiting !== null) {
    // What stands against updates that are here is not mended by more clients.
    if (waiting.startsWith('because ')) return `${what} waits ${waiting}`;
    const needs = minimum === null ? '' : `needs ${minimum}, `;
    const names = present.length === 0 ? '' : `: ${present.join(', ')}`;
    return `${what} waits ${waiting}: ${needs}present ${present.length}${names}`;
  }
  if (groups !== null) return `${what}: ${openGroupsText(groups)}${left}`;
  return `${what}: ${answered.length} of ${cohort.length} clients have answered${left}`;
}
