/** The settings of a model with fewer hidden units: what a round of federated dropout trains (`sub-model.ts` says which units). */
import type { ModelSettings } from '../protocol/model-settings.ts';
import { keptCount } from './random-mask.ts';

/**
 * The model with ⌈keep·units⌉ units in every hidden layer that is not normalised, the rest as it is.
 *
 * @param keep above 0 and at most 1. Throws RangeError for a model without hidden units that can be left out.
 */
export function smallerModel(model: ModelSettings, keep: number): ModelSettings {
  const fewer = (units: number) => keptCount(units, keep);
  switch (model.name) {
    case 'mlp':
      if (model.norm === 'none') return { ...model, hidden: model.hidden.map(fewer) };
      break;
    case 'cnn': {
      if (model.norm !== 'none' && model.hidden.length === 0) break;
      const convolutions =
        model.norm === 'none'
          ? model.convolutions.map(one => ({ ...one, filters: fewer(one.filters) }))
          : model.convolutions;
      return { ...model, convolutions, hidden: model.hidden.map(fewer) };
    }
    case 'lstm':
    case 'gru':
      return { ...model, hidden: fewer(model.hidden) };
  }
  const why = 'norm' in model && model.norm !== 'none' ? 'normalises its hidden units' : 'has no hidden units';
  throw new RangeError(
    `federated dropout: the model ${model.name} ${why}, so none can be left out; use a random mask, or another model`,
  );
}
