/** The network between clients and coordinator: carries bytes, takes time, and does to them what the fault plan says. */
import type { RandomStream } from '../core/math/random.ts';
import type { ProblemCode } from '../core/protocol/problem.ts';
import type { VirtualClock } from './clock.ts';
import type { FaultPlan, Message, MessageFault } from './faults.ts';
import type { Life } from './life.ts';
import { streamOf } from './stream.ts';

export interface Request {
  readonly message: Message;
  /** Hex hash of the task and round, where the message names them. */
  readonly task: string;
  readonly round: number;
  /** Parts of the body, in order. */
  readonly body: readonly Uint8Array[];
}

/** `empty`: nothing to say yet; a problem's code comes without a body. */
export interface Reply {
  readonly code: 'ok' | 'empty' | ProblemCode;
  readonly body: Uint8Array;
}

/** What answers requests: one life of the coordinator. `gone` aborts when nobody waits for the answer any more. */
export type Server = (client: string, request: Arriving, gone: AbortSignal) => Promise<Reply>;

/** A request as its server sees it: the parts of the body come one after the other, or break off. */
export type Arriving = Omit<Request, 'body'> & { readonly body: AsyncIterable<Uint8Array> };

/** No answer came: the request, the answer, or the coordinator was lost. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** One way, ms. */
const shortestLatencyMs = 1;
const longestLatencyMs = 20;

export class Network {
  readonly #clock: VirtualClock;
  readonly #plan: FaultPlan;
  readonly #random: RandomStream;
  readonly #open = new Set<(reason: string) => void>();
  #server: Server | null = null;

  constructor(clock: VirtualClock, plan: FaultPlan, seed: number) {
    this.#clock = clock;
    this.#plan = plan;
    this.#random = streamOf(seed, 'latency');
  }

  /** From now on requests go to this server. */
  listen(server: Server): void {
    this.#server = server;
  }

  /** The server is gone: its connections break, new ones are refused. */
  down(): void {
    this.#server = null;
    for (const lose of [...this.#open]) this.#later(0, () => lose('connection reset'));
  }

  /** Sends a request and waits for its answer, at most `timeoutMs`. Throws ConnectionLost. */
  exchange(client: string, life: Life, request: Request, timeoutMs: number, signal?: AbortSignal): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const gone = new AbortController();
      const end = (settle: () => void): void => {
        if (!this.#open.delete(lose)) return;
        stopWaiting();
        forgetLife();
        signal?.removeEventListener('abort', abandon);
        settle();
      };
      const lose = (reason: string): void =>
        end(() => {
          gone.abort(reason);
          reject(new ConnectionLost(reason));
        });
      const abandon = (): void => lose('abandoned');
      const stopWaiting = this.#clock.after(timeoutMs, () => lose('timed out'));
      // A killed client hears nothing any more; its peer notices the broken connection.
      const forgetLife = life.onEnd(() => end(() => gone.abort('the sender is gone')));
      signal?.addEventListener('abort', abandon, { once: true });
      this.#open.add(lose);
      const answered = (reply: Reply): void => {
        const faults = this.#plan.message(client, request.message, 'response');
        if (faults.some(f => f.do === 'drop')) return;
        const body = corrupted([reply.body], faults)[0];
        this.#later(delayOf(faults), () => end(() => resolve({ code: reply.code, body })));
      };
      this.#send(client, life, request, gone.signal, answered, lose);
    });
  }

  #send(
    client: string,
    life: Life,
    sent: Request,
    gone: AbortSignal,
    answered: (reply: Reply) => void,
    lose: (reason: string) => void,
  ): void {
    const faults = this.#plan.message(client, sent.message, 'request');
    const dropped = faults.some(f => f.do === 'drop');
    const body = corrupted(sent.body, faults);
    const arrive = (reply: (reply: Reply) => void, refuse: () => void): void => {
      if (this.#server === null) refuse();
      else void this.#server(client, { ...sent, body: this.#arriving(body, life) }, gone).then(reply);
    };
    const delay = delayOf(faults);
    if (!dropped) {
      const refuse = (): void => this.#later(0, () => lose('connection refused'));
      this.#later(delay, () => arrive(answered, refuse));
    }
    const unheard = (): void => undefined;
    for (const again of faults)
      if (again.do === 'replay') this.#later(delay + again.ms, () => arrive(unheard, unheard));
  }

  async *#arriving(parts: readonly Uint8Array[], sender: Life): AsyncGenerator<Uint8Array> {
    for (const [i, part] of parts.entries()) {
      if (i > 0) await new Promise<void>(resolve => this.#later(0, resolve));
      if (!sender.alive) throw new ConnectionLost('the sender is gone');
      yield part;
    }
  }

  #later(milliseconds: number, action: () => void): void {
    const latency = shortestLatencyMs + this.#random.below(longestLatencyMs - shortestLatencyMs + 1);
    this.#clock.after(latency + milliseconds, action);
  }
}

function delayOf(faults: readonly MessageFault[]): number {
  return faults.reduce((sum, f) => sum + (f.do === 'delay' ? f.ms : 0), 0);
}

/** The body with one bit flipped for each operation that says so; an empty body stays as it is. */
function corrupted(body: readonly Uint8Array[], faults: readonly MessageFault[]): readonly Uint8Array[] {
  const total = body.reduce((sum, part) => sum + part.length, 0);
  let result = body;
  for (const f of faults) {
    if (f.do !== 'corrupt' || total === 0) continue;
    const bit = Math.floor(f.share * total * 8);
    let start = 0;
    result = result.map(part => {
      const at = Math.floor(bit / 8) - start;
      start += part.length;
      return at >= 0 && at < part.length ? part.map((byte, i) => (i === at ? byte ^ (1 << (bit % 8)) : byte)) : part;
    });
  }
  return result;
}
