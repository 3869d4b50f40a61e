/** The privacy loss of one release: where its mass lies, as point masses and smooth curves. */

/** Mass at one loss. */
export interface LossAtom {
  readonly loss: number;
  readonly mass: number;
}

/** A smooth part: outcomes x in [from, to] with a density under P; the loss is monotone in x. */
export interface LossCurve {
  readonly from: number;
  readonly to: number;
  /** A width over which density and loss are close to a polynomial of degree 7. */
  readonly panel: number;
  density(x: number): number;
  loss(x: number): number;
}

/**
 * The distribution of ln(P(x)/Q(x)) for x drawn from P, where P and Q are what two neighbouring inputs give (Sommer, Meiser and Mohammadi
 * 2019, Def. 4.2). Masses, densities and `infinite` add up to at least 1: what a cut-off tail weighs counts as infinite.
 */
export interface PrivacyLoss {
  readonly atoms: readonly LossAtom[];
  readonly curves: readonly LossCurve[];
  /** Mass of outcomes that Q cannot give, and of tails that were cut off. */
  readonly infinite: number;
  /** No finite loss lies above; Infinity when losses are unbounded. */
  readonly supremum: number;
}

/** Nodes and weights of Gauss–Legendre quadrature on [−1, 1] with two and with four nodes (Abramowitz and Stegun, table 25.4). */
const twoNodes = [
  [-0.5773502691896257, 1],
  [0.5773502691896257, 1],
] as const;
const fourNodes = [
  [-0.8611363115940526, 0.34785484513745385],
  [-0.33998104358485626, 0.6521451548625461],
  [0.33998104358485626, 0.6521451548625461],
  [0.8611363115940526, 0.34785484513745385],
] as const;

/** Calls `visit(loss, mass)` for point masses whose sums are those of the distribution for integrands that are smooth in the loss. */
export function visitNodes(loss: PrivacyLoss, visit: (loss: number, mass: number) => void): void {
  for (const atom of loss.atoms) visit(atom.loss, atom.mass);
  for (const curve of loss.curves) {
    visitPanels(curve, (from, to) => visitInterval(curve, from, to, visit));
  }
}

/** Same, with the curves broken where the loss is a multiple of `step`: sums of integrands with kinks there are right too. */
export function visitCells(loss: PrivacyLoss, step: number, visit: (loss: number, mass: number) => void): void {
  for (const atom of loss.atoms) visit(atom.loss, atom.mass);
  for (const curve of loss.curves) {
    visitPanels(curve, (from, to) => {
      let [x, value] = [from, curve.loss(from)];
      const end = curve.loss(to);
      const sign = Math.sign(end - value);
      for (let crossings = Math.floor(Math.abs(end - value) / step) + 1; sign !== 0 && crossings >= 0; crossings--) {
        const index = sign > 0 ? Math.floor(value / step + 1e-6) + 1 : Math.ceil(value / step - 1e-6) - 1;
        const target = index * step;
        if (sign * (target - end) >= 0) break;
        const next = crossing(curve, target, x, value, to, end);
        if (!(next > x && next < to)) break;
        visitInterval(curve, x, next, visit);
        x = next;
        value = target;
      }
      visitInterval(curve, x, to, visit);
    });
  }
}

/** Same, of losses above `least` only, with the curves broken where they pass it: nothing is lost at a kink there, however small the losses. */
export function visitAbove(loss: PrivacyLoss, least: number, visit: (loss: number, mass: number) => void): void {
  for (const atom of loss.atoms) if (atom.loss > least) visit(atom.loss, atom.mass);
  for (const curve of loss.curves) {
    visitPanels(curve, (from, to) => {
      const [first, last] = [curve.loss(from) > least, curve.loss(to) > least];
      if (first && last) visitInterval(curve, from, to, visit);
      if (first === last) return;
      let [above, below] = first ? [from, to] : [to, from];
      for (let round = 0; round < 60; round++) {
        const middle = (above + below) / 2;
        if (curve.loss(middle) > least) above = middle;
        else below = middle;
      }
      visitInterval(curve, first ? from : above, first ? above : to, visit);
    });
  }
}

/** Where the loss passes `target` between x and `to`: secants. A small error only moves a quadrature node, no mass. */
function crossing(curve: LossCurve, target: number, x: number, value: number, to: number, end: number): number {
  let [left, leftValue, right, rightValue] = [x, value, to, end];
  for (let round = 0; round < 40; round++) {
    const straight = left + ((target - leftValue) / (rightValue - leftValue)) * (right - left);
    const middle = straight > left && straight < right ? straight : (left + right) / 2;
    const there = curve.loss(middle);
    // A part in a thousand of the way is near enough.
    if (Math.abs(there - target) <= 1e-3 * Math.abs(target - value)) return middle;
    if (there > target === end > target) [right, rightValue] = [middle, there];
    else [left, leftValue] = [middle, there];
    if (round % 4 === 3) {
      const half = (left + right) / 2;
      const atHalf = curve.loss(half);
      if (atHalf > target === end > target) [right, rightValue] = [half, atHalf];
      else [left, leftValue] = [half, atHalf];
    }
  }
  return (left + right) / 2;
}

function visitPanels(curve: LossCurve, visit: (from: number, to: number) => void): void {
  const panels = Math.max(1, Math.ceil((curve.to - curve.from) / curve.panel));
  const width = (curve.to - curve.from) / panels;
  for (let i = 0; i < panels; i++) {
    visit(curve.from + i * width, i === panels - 1 ? curve.to : curve.from + (i + 1) * width);
  }
}

function visitInterval(curve: LossCurve, from: number, to: number, visit: (loss: number, mass: number) => void): void {
  const half = (to - from) / 2;
  if (!(half > 0)) return;
  const centre = (from + to) / 2;
  for (const [node, weight] of half * 32 > curve.panel ? fourNodes : twoNodes) {
    const x = centre + half * node;
    const mass = half * weight * curve.density(x);
    if (mass > 0) visit(curve.loss(x), mass);
  }
}
