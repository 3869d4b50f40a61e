/** Stages as types: a value that has passed a stage is of another type than before, so that a skipped stage does not compile. */

declare const stage: unique symbol;

/** `Value`, marked as having passed the stage `Name`. */
export type Staged<Name extends string, Value> = Value & { readonly [stage]: Name };

/** Marks a value as having passed a stage; called once, at the end of the function that is that stage. */
export function passed<S extends Staged<string, object>>(value: Omit<S, typeof stage>): S {
  // The brand exists only in the type system: a value carries no mark at run time.
  return value as S;
}
