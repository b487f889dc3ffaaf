/** The charts, which stand in the page before its own program. */
declare class uPlot {
  constructor(options: object, data: readonly (readonly (number | null)[])[], place: HTMLElement);
  setData(data: readonly (readonly (number | null)[])[]): void;
  setSize(size: { readonly width: number; readonly height: number }): void;
  destroy(): void;
}
