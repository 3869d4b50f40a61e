/** One transition at a time: the coordinator's state changes in an order. */

export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `action` after all earlier ones have settled; its result or error is the caller's alone. */
  run<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
