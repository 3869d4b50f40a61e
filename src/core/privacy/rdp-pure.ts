/** RDP of what is ε-DP and nothing more is known of. */
import { log1mExp, log1pExp, logExpm1 } from '../math/log-domain.ts';
import { requireOrder } from './ranges.ts';

/**
 * The greatest RDP at an order of any ε-private mechanism, that of randomised response between two answers: ln((e^{αε} + e^{(1−α)ε}) /
 * (1 + e^ε))/(α − 1) (Bun and Steinke 2016, Prop. 3.3; Kairouz, Oh and Viswanath 2015). ε at order Infinity, the KL divergence at 1.
 */
export function rdpPure(epsilon: number, order: number): number {
  requireOrder(order);
  if (!(epsilon >= 0)) throw new RangeError(`epsilon: expected a number from 0, got ${epsilon}`);
  if (epsilon === 0) return 0;
  if (epsilon === Number.POSITIVE_INFINITY || order === Number.POSITIVE_INFINITY) return epsilon;
  if (order === 1) return epsilon * Math.tanh(epsilon / 2);
  // The fraction less 1 is (e^{αε} − 1)(1 − e^{(1−α)ε})/(1 + e^ε).
  const log = logExpm1(order * epsilon) + log1mExp((1 - order) * epsilon) - log1pExp(epsilon);
  return Math.min(epsilon, log1pExp(log) / (order - 1));
}
