/** The Clock port on the system's time and timers. */
import type { Clock } from '../core/protocol/ports.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, action) {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
};
