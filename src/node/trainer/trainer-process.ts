/** A foreign trainer as a process: started bare, asked one thing at a time, within its limits, ended with everything it started. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { SafetensorsError } from '../../core/bytes/safetensors-error.ts';
import { TrainerBreach } from '../../core/learning/trainer-breach.ts';
import { TrainerFailure } from '../../core/learning/trainer-failure.ts';
import {
  mostLineBytes,
  type Outgoing,
  parseTrainerAnswer,
  type TrainerAnswer,
} from '../../core/learning/trainer-protocol.ts';
import type { Log } from '../../core/protocol/ports.ts';
import { BoundedReader } from './bounded-reader.ts';
import { endTree, endWithThisProcess, killTreeNow, type Marked } from './end-tree.ts';
import { processTree, residentBytes, showsProcesses } from './process-tree.ts';
import { SpokenLines } from './spoken-lines.ts';

export interface TrainerLimits {
  /** For one request, from the first byte sent to the last one answered. */
  readonly timeMs: number;
  /** Resident memory of the trainer and all it starts, bytes; looked at four times a second. Kept on Linux only; null: none. */
  readonly memoryBytes: number | null;
}

export interface TrainerSettings {
  /** Program and arguments; no shell. */
  readonly command: readonly string[];
  readonly limits: TrainerLimits;
  readonly log: Log;
}

/** Turns an answer into what is believed of it. Throws TrainerBreach or SafetensorsError for what is not. */
export type Admit<T> = (said: TrainerAnswer, body: Uint8Array) => T;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** How long a trainer that closed its output, or ended, has to be seen to have done so. */
const settleMs = 500;
const memoryEveryMs = 250;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** One life of a trainer. After any failure it is over: nothing it says can be trusted to be the answer to what is asked next. */
export class TrainerProcess {
  readonly #settings: TrainerSettings;
  readonly #folder: string;
  readonly #child: Child;
  /** The folder in the environment tells whose a process is. */
  readonly #marked: Marked;
  readonly #answers: BoundedReader;
  readonly #spoken: SpokenLines;
  /** Rejects when the process may not go on or has ended. */
  readonly #over = Promise.withResolvers<never>();
  readonly #ended: Promise<void>;
  #alive = true;
  #asked = false;
  #closing = false;
  /** How the process ended, when it has. */
  #exit: string | null = null;

  /** Starts it. Throws TrainerFailure when it cannot be; what the system says later, it says at the first request. */
  constructor(settings: TrainerSettings) {
    this.#settings = settings;
    const { folder, child } = started(settings);
    this.#folder = folder;
    this.#child = child;
    this.#marked = { child, mark: `TMPDIR=${this.#folder}` };
    this.#over.promise.catch(() => undefined);
    this.#answers = new BoundedReader(child.stdout);
    this.#spoken = new SpokenLines(line => settings.log({ event: 'trainer-said', detail: line }));
    child.stdin.on('error', () => undefined); // it has ended, or listens no more: its answer, or the lack of one, tells
    child.stderr.on('data', chunk => this.#spoken.take(chunk)).on('error', () => undefined);
    const unguard = endWithThisProcess(this.#marked);
    this.#ended = new Promise(resolve => {
      child.once('error', cause => {
        this.#fail(`cannot be started (${(cause as NodeJS.ErrnoException).code})`, cause);
        if (child.pid === undefined) resolve();
      });
      child.once('exit', (code, signal) => {
        this.#alive = false;
        killTreeNow(this.#marked);
        this.#exit = exitWords(code, signal);
        // What it wrote before may still be in the pipes, and somebody out of reach may hold them open.
        setTimeout(() => this.#fail(exitWords(code, signal)), settleMs).unref();
        resolve();
      });
      child.once('close', () => {
        if (this.#exit !== null) this.#fail(this.#exit);
      });
    });
    const watch = this.#watchMemory();
    void this.#ended.then(() => {
      clearInterval(watch);
      unguard();
      this.#removeFolder();
      setTimeout(() => this.#child.stderr.destroy(), settleMs).unref();
    });
  }

  /** Whether it can be asked. */
  get alive(): boolean {
    return this.#alive;
  }

  /**
   * Sends a request and reads its answer: a line, and `bytes` bytes of tensors, at most `mostBytes`, which `admit` turns into what is
   * believed of it. Throws TrainerFailure for everything the trainer does wrong, or the signal's reason; the process is over then.
   */
  async ask<T>(request: Outgoing, mostBytes: number, admit: Admit<T>, signal?: AbortSignal): Promise<T> {
    if (this.#asked) throw new RangeError('trainer: asked while it works');
    this.#asked = true;
    const { timeMs } = this.#settings.limits;
    const timer = setTimeout(() => this.#fail(`did not answer within ${timeMs / 1000} s`), timeMs);
    const onAbort = (): void => this.#over.reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      signal?.throwIfAborted();
      if (this.#answers.held + this.#child.stdout.readableLength > 0)
        throw new TrainerBreach('said something that nobody had asked for');
      const sent = this.#send(request);
      const answer = await Promise.race([this.#read(mostBytes, admit), this.#over.promise]);
      await Promise.race([sent, this.#over.promise]);
      return answer;
    } catch (error) {
      await this.close();
      throw error instanceof TrainerBreach ? this.#failure(error.message, error) : error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.#spoken.settle();
      this.#asked = false;
    }
  }

  /** Ends it and everything it started: standard input closes, SIGTERM, after 2 s SIGKILL. Resolves when it has ended. */
  async close(): Promise<void> {
    this.#alive = false;
    this.#closing = true;
    this.#over.reject(this.#failure('was ended'));
    // Its family is looked at before it can end: afterwards nobody knows whose they are.
    const ending = endTree(this.#marked, this.#ended);
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    await ending;
  }

  async #send({ line, parts }: Outgoing): Promise<void> {
    for (const part of [line, ...parts]) {
      await new Promise<void>(resolve => this.#child.stdin.write(part, () => resolve()));
    }
  }

  async #read<T>(mostBytes: number, admit: Admit<T>): Promise<T> {
    const line = await this.#answers.line(mostLineBytes);
    if (line === null) return this.#silence('closed its output without an answer');
    if (line === 'too long') throw new TrainerBreach(`sent a line of more than ${mostLineBytes} bytes`);
    const said = parseTrainerAnswer(decodeLine(line));
    const bytes = 'bytes' in said ? said.bytes : 0;
    if (bytes > mostBytes) throw new TrainerBreach(`wants to send ${bytes} bytes, more than the ${mostBytes} it needs`);
    const body = await this.#answers.exactly(bytes);
    if (body === null) return this.#silence('ended in the middle of an answer');
    if (this.#answers.held > 0) throw new TrainerBreach('sent more than its answer');
    try {
      return admit(said, body);
    } catch (error) {
      if (error instanceof SafetensorsError)
        throw new TrainerBreach(`sent tensors that cannot be used: ${error.message}`);
      throw error;
    }
  }

  /** The output has ended. When the process ends too, that is what is told: it says more. */
  #silence(what: string): Promise<never> {
    setTimeout(() => this.#fail(this.#exit ?? what), settleMs).unref();
    return this.#over.promise;
  }

  #watchMemory(): NodeJS.Timeout | undefined {
    const { memoryBytes } = this.#settings.limits;
    const { pid } = this.#child;
    const { mark } = this.#marked;
    if (memoryBytes === null || !showsProcesses || pid === undefined) return undefined;
    const most = memoryBytes;
    const look = (): void => {
      const used = residentBytes(processTree(pid, this.#exit !== null, mark));
      if (used <= most) return;
      this.#fail(`used ${mebibytes(used)} MiB of memory, it may use ${mebibytes(most)} MiB`);
      void this.close();
    };
    return setInterval(look, memoryEveryMs).unref();
  }

  /** What it left there may be out of this user's reach: that is told, and nothing else depends on it. */
  #removeFolder(): void {
    try {
      rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
    } catch (cause) {
      const detail = `${this.#folder}: cannot be removed (${(cause as NodeJS.ErrnoException).code})`;
      this.#settings.log({ event: 'trainer-folder-left', level: 'warn', detail });
    }
  }

  #fail(what: string, cause?: unknown): void {
    const failure = this.#failure(what, cause);
    this.#over.reject(failure);
    // Nobody waits for an answer: only the log can tell.
    if (!this.#asked && !this.#closing)
      this.#settings.log({ event: 'trainer-ended', level: 'warn', detail: failure.message });
  }

  #failure(what: string, cause?: unknown): TrainerFailure {
    const { command } = this.#settings;
    const { last } = this.#spoken;
    return new TrainerFailure(
      nameOf(command),
      last === '' ? what : `${what}; its last words: ${last.slice(0, 150)}`,
      'Look at what it said before (trainer-said); it is started anew when it is needed next. docs/trainer.md says what it must do.',
      { cause },
    );
  }
}

/** What a trainer is called in messages: its program and the files it was given, without folders. Other arguments may be secrets. */
export function nameOf([program, ...args]: readonly string[]): string {
  const files = args.filter(one => isAbsolute(one));
  return `trainer ${[program, ...files].map(one => basename(one)).join(' ')}`.slice(0, 120);
}

/** A folder of its own, and the program in it. */
function started({ command }: TrainerSettings): { folder: string; child: Child } {
  let folder: string | null = null;
  try {
    folder = mkdtempSync(join(tmpdir(), 'parley-trainer-'));
    const [program, ...args] = command;
    const child = spawn(program, args, {
      cwd: folder,
      env: bareEnvironment(folder),
      stdio: ['pipe', 'pipe', 'pipe'],
      // A session and process group of its own, so that what it starts can be ended with it, and Ctrl-C is for Parley alone.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    child.on('error', () => undefined);
    // The types promise pipes; without a free file descriptor there are none.
    if (!child.stdin) throw Object.assign(new Error('no pipes'), { code: 'EMFILE' });
    return { folder, child };
  } catch (cause) {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
    const what = `cannot be started (${(cause as NodeJS.ErrnoException).code})`;
    const remedy = 'Check the command, and that the folder for temporary files can be written (TMPDIR).';
    throw new TrainerFailure(nameOf(command), what, remedy, { cause });
  }
}

/** No token, no key, no setting of this process reaches the trainer: only where programs are, a home that is empty, and a language. */
function bareEnvironment(folder: string): NodeJS.ProcessEnv {
  const windows =
    process.platform === 'win32' ? { SystemRoot: process.env.SystemRoot, PATHEXT: process.env.PATHEXT } : {};
  return {
    PATH: process.env.PATH,
    HOME: folder,
    TMPDIR: folder,
    TEMP: folder,
    TMP: folder,
    LANG: 'C.UTF-8',
    ...windows,
  };
}

function decodeLine(line: Uint8Array): string {
  try {
    return strictUtf8.decode(line);
  } catch {
    throw new TrainerBreach('sent a line that is not UTF-8');
  }
}

function exitWords(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
