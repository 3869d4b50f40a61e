/** The log: JSON lines of listed fields. No body, no metric value, no secret has a field here. */
import { createWriteStream, type WriteStream } from 'node:fs';
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

type Destination = NodeJS.WritableStream & { readonly writableLength?: number };

/** Logs to a stream; when the stream stalls, lines are dropped and counted, never queued without bound. */
export function streamLog(stream: Destination): Log {
  return logTo(() => stream);
}

/**
 * Logs to a file, appending; mode 0600. A full disk costs lines, not the process: they are counted, and the number is the first
 * line that can be written again. Standard error hears of it once.
 */
export function fileLog(path: string): Log {
  let told = false;
  const open = (): WriteStream => {
    const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
    stream.on('error', error => {
      if (!told)
        process.stderr.write(
          `parley: cannot write ${path}: ${error.message}\n→ Free some space, or check the path and its permissions; the log goes on by itself.\n`,
        );
      told = true;
    });
    return stream;
  };
  let stream = open();
  return logTo(
    () => {
      // A failed write ends a stream for good.
      if (stream.destroyed) stream = open();
      return stream;
    },
    () => {
      told = false;
    },
  );
}

function logTo(destination: () => Destination, onWritten: () => void = () => undefined): Log {
  let dropped = 0;
  const write = (stream: Destination, event: LogEvent, lines: number): void => {
    stream.write(`${formatLogLine(event, Date.now())}\n`, error => {
      if (error) dropped += lines;
      else onWritten();
    });
  };
  return event => {
    const stream = destination();
    if ((stream.writableLength ?? 0) > 1024 * 1024) {
      dropped++;
      return;
    }
    if (dropped > 0) {
      const lines = dropped;
      dropped = 0;
      write(stream, { event: 'log-dropped', level: 'warn', detail: `${lines} lines` }, lines);
    }
    write(stream, event, 1);
  };
}
