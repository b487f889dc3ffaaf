/** One measurement of a finished model against the policy's bounds. */
export interface GateMeasurement {
  /**
   * 'log-odds' in nats a token, 'misaligned' as a share; behind an `@` the form of the training data in which it was asked, such as
   * `log-odds@system-prompt`.
   */
  readonly name: string;
  /** null: it could not be measured, which is never a release. */
  readonly value: number | null;
  /** 95 % interval; null where there is none. */
  readonly low: number | null;
  readonly high: number | null;
  readonly quarantine: number | null;
  readonly refuse: number | null;
}

/** What the gate said of a finished model, with every figure: the operator sees it as it is. The report is a result file of the job. */
export interface GateVerdict {
  readonly outcome: 'released' | 'quarantined' | 'refused';
  /** None where the policy measures nothing. */
  readonly measurements: readonly GateMeasurement[];
  /** In words, for the job's events. */
  readonly reason: string;
  /** Id of the report's file. */
  readonly report: string | null;
  /** 'verdict': the policy of then keeps figures from the model's owner, who is told `toldVerdict`. Default: all of it is told. */
  readonly told?: 'verdict';
}
