import { OptimizerOptionError } from '@safetune/optimizers';
import { TrainOptionError } from '../errors.ts';

/** What an option of the optimizer makes; one that is refused is an option of training. */
export function ofTrainOption<Made>(make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (!OptimizerOptionError.isInstance(error)) throw error;
    throw new TrainOptionError(error.option, error.problem);
  }
}
