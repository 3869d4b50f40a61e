/** Gathering the sums of a statistics task: from the sites of a federation, or from tables on this machine. */
import type { RoundReport, Run } from '../coordinator/store.ts';
import { decodeSafetensors } from '../core/bytes/safetensors.ts';
import { addMoments, type Moments, momentsOf, numberColumns } from '../core/data/moments.ts';
import { onlyTable } from '../core/data/only-table.ts';
import { momentsOfMean } from '../core/learning/moment-limbs.ts';
import { Problem, UserError } from '../core/protocol/problem.ts';
import type { Task } from '../core/protocol/task.ts';
import { findSites } from '../node/data/find-sites.ts';
import { loadSiteFrom } from '../node/data/site-files.ts';
import { follow } from './follow.ts';
import { untilStopped } from './lifetime.ts';
import { shortHash, withOperator } from './operator.ts';
import { createProgress, type Progress } from './output.ts';
import { sayInterrupted } from './run.ts';

export interface Gathered {
  readonly moments: Moments;
  readonly sites: readonly string[];
  /** Hash of the statistics task that was run; null where the tables were read here. */
  readonly run: string | null;
}

/**
 * Submits the statistics task, or takes up its run, and waits for its end as `parley run` does. Null when the user interrupts, who is
 * told what goes on. Throws UserError when the run was stopped, or its sums are none.
 */
export async function gatherFromSites(statistics: Task, home: string): Promise<Gathered | null> {
  const signal = untilStopped();
  const progress = createProgress();
  const { name } = statistics;
  const consent = `Sites take part only if their client accepts the task: --accept ${name}, or no --accept at all.`;
  let submitted = false;
  try {
    return await withOperator(home, async channel => {
      const { task } = await channel.post<Run>('/v1/runs', statistics, signal);
      submitted = true;
      progress.line(`run ${shortHash(task)} of task ${name}: one round, in which sites send sums`);
      const status = await follow(channel, task, withHint(progress, consent), signal).finally(() => progress.end());
      if (status.phase === 'stopped') {
        throw new UserError(name, 'this run was stopped', `Change the seed of the task to ask again. ${consent}`);
      }
      const { parameters } = decodeSafetensors(await channel.bytes(`/v1/runs/${task}/artifact`, signal));
      const sites = sitesInMean(status.reports);
      return { moments: summed(parameters, sites.length, statistics), sites, run: task };
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    sayInterrupted(progress, submitted);
    if (submitted) progress.line(`→ ${consent}`);
    return null;
  }
}

/** Whose updates the mean of the last round is of, sorted: rounds before it may be void. */
export function sitesInMean(reports: readonly Pick<RoundReport, 'combined' | 'groups'>[]): string[] {
  const { combined, groups } = reports[reports.length - 1];
  return [...(groups === null ? combined : groups.flatMap(({ survivors }) => survivors))].sort();
}

/** Adds up the sums of every table at the path, one after the other. Throws UserError naming file, row and column. */
export async function gatherFromTables(statistics: Task, path: string): Promise<Gathered> {
  const columns = columnCount(statistics);
  const places = findSites('csv', path);
  let moments: Moments | null = null;
  for (const place of places) {
    const { train } = await loadSiteFrom(statistics.data, place.path);
    const own = momentsOf(train, columns);
    moments = moments === null ? own : addMoments(moments, own);
  }
  // findSites finds one site at least.
  return { moments: moments as Moments, sites: places.map(({ name }) => name), run: null };
}

function summed(mean: Float32Array, clients: number, statistics: Task): Moments {
  try {
    return momentsOfMean(mean, clients, columnCount(statistics));
  } catch (cause) {
    if (!(cause instanceof Problem) && !(cause instanceof RangeError)) throw cause;
    const what = cause instanceof Problem ? cause.detail : cause.message;
    const remedy = 'Find the site that does not keep to the protocol, then gather the sums again with another seed.';
    throw new UserError(statistics.name, what, remedy, { cause });
  }
}

function columnCount(statistics: Task): number {
  return numberColumns(onlyTable(statistics.data, statistics.name, 'Scale by center and spread of the task.')).length;
}

/** Says once, when the run waits for clients, what may keep them away. The line of the round, about a loss, is left out. */
function withHint(progress: Progress, hint: string): Progress {
  let isSaid = false;
  return {
    ...progress,
    line: () => undefined,
    status(text, news) {
      progress.status(text, news);
      if (isSaid || news === undefined || !/ waits /.test(news)) return;
      progress.line(hint);
      isSaid = true;
    },
  };
}
