/** What the page of a run is told, and keeps for whoever opens it later. */
export type WatchMessage =
  | { readonly type: 'start'; readonly steps: number; readonly done: number; readonly about: string }
  /** Figures of one step by name, as trainer's `scalarsOf` gives them. */
  | { readonly type: 'scalars'; readonly step: number; readonly values: Readonly<Record<string, number>> }
  | { readonly type: 'progress'; readonly step: number; readonly secondsLeft: number }
  | { readonly type: 'said'; readonly text: string }
  | { readonly type: 'end'; readonly text: string };
