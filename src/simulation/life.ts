/** A process that can be killed: what it started goes on nowhere, and nothing of it reaches its stores any more. */
import type { LedgerPort, Reservation } from '../core/privacy/ledger-port.ts';
import type { BlobReader, Blobs, BlobWriter, Clock } from '../core/protocol/ports.ts';

/** One life of a party, from its start to its crash. */
export interface Life {
  /** 1 for the first start. */
  readonly generation: number;
  /** Ends it: see `fence`. */
  end(): void;
  readonly alive: boolean;
  /** Calls `action` when the life ends; the function returned takes that back. */
  onEnd(action: () => void): () => void;
}

export function beginLife(generation: number): Life {
  let alive = true;
  const actions = new Set<() => void>();
  return {
    generation,
    end() {
      alive = false;
      for (const action of actions) action();
      actions.clear();
    },
    get alive() {
      return alive;
    },
    onEnd(action) {
      actions.add(action);
      return () => void actions.delete(action);
    },
  };
}

/** A promise that never settles: where the code of a killed process stops, without catch or finally. */
export function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

/** `work` for as long as the life lasts; a call after its end is not made, a result after its end does not arrive. */
export async function within<T>(life: Life, work: () => T | Promise<T>): Promise<T> {
  if (!life.alive) return never();
  try {
    const result = await work();
    return life.alive ? result : never();
  } catch (error) {
    if (life.alive) throw error;
    return never();
  }
}

/** The object with each of its methods, all of which return promises, inside the life. */
export function fence<T extends object>(life: Life, port: T): T {
  return new Proxy(port, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => within(life, () => member.apply(target, args));
    },
  });
}

/** Blobs inside the life; what is written and not committed when it ends is lost. */
export function fenceBlobs(life: Life, blobs: Blobs): Blobs {
  const fenced = fence(life, blobs);
  return {
    write: async (key): Promise<BlobWriter> => fence(life, await fenced.write(key)),
    read: key => fenced.read(key),
    stream: key => fenced.stream(key),
    open: async (key): Promise<BlobReader | null> => {
      const reader = await fenced.open(key);
      return reader === null ? null : fence(life, reader);
    },
    list: prefix => fenced.list(prefix),
    remove: key => fenced.remove(key),
  };
}

/** A ledger inside the life: what was reserved before its end stays reserved. */
export function fenceLedger(life: Life, ledger: LedgerPort): LedgerPort {
  const fenced = fence(life, ledger);
  return {
    reserve: async (spend): Promise<Reservation> => fence(life, await fenced.reserve(spend)),
    find: async (release): Promise<Reservation | null> => {
      const found = await fenced.find(release);
      return found === null ? null : fence(life, found);
    },
  };
}

/** Time inside the life: its timers do not fire after its end. */
export function fenceClock(life: Life, clock: Clock): Clock {
  return {
    now: () => clock.now(),
    after: (milliseconds, action) =>
      clock.after(milliseconds, () => {
        if (life.alive) action();
      }),
  };
}
