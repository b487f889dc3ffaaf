import type { RunInput } from '@safetune/trainer';

/** A safeguard that acts in a job, and who wants it. */
export interface ActingSafeguard {
  readonly type: string;
  /** The value of the option that the type's strength is; null for a type without one. */
  readonly strength: number | null;
  /** 'policy': as the policy has it. 'strengthened': the policy's, made stronger by the customer. 'customer': added by them. */
  readonly by: 'policy' | 'strengthened' | 'customer';
}

/** What the policy makes of a request: decided once, when the job is created, and carried out as it stands. */
export interface JobPlan {
  readonly policySha256: string;
  /**
   * The run but for its data and its folder: model, adapter, hyperparameters, every safeguard with its options. Files that it names are
   * the provider's.
   */
  readonly run: Omit<RunInput, 'data' | 'out' | 'evaluation'>;
  readonly method: 'supervised' | 'dpo';
  readonly hyperparameters: {
    readonly n_epochs: number;
    readonly batch_size: number;
    readonly learning_rate_multiplier: number;
    readonly beta?: number;
  };
  readonly seed: number;
  readonly safeguards: readonly ActingSafeguard[];
}
