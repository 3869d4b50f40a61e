/** Where time goes in the suite `secagg`: CPU and wall time by the name of what was done. */

export interface Cost {
  /** Seconds of CPU, of all threads of the process. */
  readonly cpu: number;
  /** Seconds on the clock. */
  readonly wall: number;
}

/** Adds up what is done under a name. Not for acts within acts. */
export interface Counting {
  do<T>(part: string, act: () => T): T;
  wait<T>(part: string, act: () => Promise<T>): Promise<T>;
}

/** Counts nothing: counting itself takes time. */
export const uncounted: Counting = { do: (_, act) => act(), wait: (_, act) => act() };

export class Costs implements Counting {
  readonly #parts = new Map<string, Cost>();

  do<T>(part: string, act: () => T): T {
    const end = begun();
    try {
      return act();
    } finally {
      this.#add(part, end());
    }
  }

  async wait<T>(part: string, act: () => Promise<T>): Promise<T> {
    const end = begun();
    try {
      return await act();
    } finally {
      this.#add(part, end());
    }
  }

  get parts(): ReadonlyMap<string, Cost> {
    return this.#parts;
  }

  get total(): Cost {
    return [...this.#parts.values()].reduce(sum, { cpu: 0, wall: 0 });
  }

  #add(part: string, cost: Cost): void {
    this.#parts.set(part, sum(this.#parts.get(part) ?? { cpu: 0, wall: 0 }, cost));
  }
}

/** Begins to count; the answer tells what has passed since. */
export function begun(): () => Cost {
  const cpu = process.cpuUsage();
  const start = performance.now();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { cpu: (user + system) / 1e6, wall: (performance.now() - start) / 1e3 };
  };
}

function sum(a: Cost, b: Cost): Cost {
  return { cpu: a.cpu + b.cpu, wall: a.wall + b.wall };
}
