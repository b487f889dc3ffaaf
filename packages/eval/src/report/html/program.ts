import { detailProgram } from './program/detail.ts';
import { filterProgram } from './program/filter.ts';
import { listProgram } from './program/list.ts';

/** The program of a page with answers: reads the data of the page, filters, sorts, shows the rows in view and one answer whole. */
export const answersProgram = [filterProgram, listProgram, detailProgram].join('');
