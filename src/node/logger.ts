/** The log: JSON lines of listed fields. No body, no metric value, no secret has a field here. */
import { createWriteStream } from 'node:fs';
import type { Log, LogEvent } from '../core/protocol/ports.ts';

const fields = [
  'event',
  'level',
  'client',
  'task',
  'round',
  'code',
  'address',
  'detail',
] as const satisfies (keyof LogEvent)[];

/** One line of the log, without the line break. Control characters are escaped by JSON; fields outside the list are left out. */
export function formatLogLine(event: LogEvent, nowMs: number): string {
  const line: Record<string, string | number> = { time: new Date(nowMs).toISOString() };
  for (const field of fields) {
    const value = event[field] ?? (field === 'level' ? 'info' : undefined);
    if (value !== undefined) line[field] = typeof value === 'string' ? value.slice(0, 500) : value;
  }
  return JSON.stringify(line);
}

/** Logs to a stream; when the stream stalls, lines are dropped and counted, never queued without bound. */
export function streamLog(stream: NodeJS.WritableStream & { writableLength?: number }): Log {
  let dropped = 0;
  return event => {
    if ((stream.writableLength ?? 0) > 1024 * 1024) {
      dropped++;
      return;
    }
    if (dropped > 0) {
      stream.write(
        `${formatLogLine({ event: 'log-dropped', level: 'warn', detail: `${dropped} lines` }, Date.now())}\n`,
      );
      dropped = 0;
    }
    stream.write(`${formatLogLine(event, Date.now())}\n`);
  };
}

/** Logs to a file, appending; mode 0600. A full disk costs lines, not the process. */
export function fileLog(path: string): Log {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
  stream.on('error', error => process.stderr.write(`parley: cannot write ${path}: ${error.message}\n`));
  return streamLog(stream);
}
