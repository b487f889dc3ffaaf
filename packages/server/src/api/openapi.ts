import { z } from 'zod';
import { defineRoute, type Route } from './route.ts';

const errorAnswer = {
  description: 'What was wrong.',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
};

/** The OpenAPI 3.1 document of a table of routes. */
export function openApiDocument(routes: readonly Route[]) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'SafeTune',
      version: '1',
      description:
        "A fine-tuning service with the API of OpenAI, in which the provider's safeguards act whatever is asked.",
    },
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'A key of the service: sk-safetune-...' },
      },
      schemas: {
        Error: jsonSchema(
          z.object({
            error: z.object({
              message: z.string(),
              type: z.string(),
              param: z.string().nullable(),
              code: z.string().nullable(),
            }),
          }),
          'output',
        ),
      },
    },
  };
}

/** `GET /openapi.json`, which describes itself too. */
export function openApiRoute(routes: readonly Route[]): Route {
  let document: ReturnType<typeof openApiDocument> | undefined;
  const route = defineRoute({
    method: 'GET',
    path: '/openapi.json',
    operation: 'getOpenApiDocument',
    summary: 'This document.',
    access: 'public',
    async handle() {
      document ??= openApiDocument([...routes, route]);
      return { type: 'json', value: document };
    },
  });
  return route;
}

function operation(route: Route) {
  return {
    operationId: route.operation,
    summary: route.summary,
    ...(route.access === 'public' && { security: [] }),
    // Not a word of OpenAPI's: whose keys open it.
    'x-access': route.access,
    parameters: [...parametersOf(route.parameters, 'path'), ...parametersOf(route.query, 'query')],
    ...(route.body !== undefined && { requestBody: requestBody(route.body) }),
    responses: {
      200: {
        description: 'Done.',
        ...(route.answer !== undefined && {
          content: { 'application/json': { schema: jsonSchema(route.answer, 'output') } },
        }),
      },
      default: errorAnswer,
    },
  };
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query') {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path' || !(field as z.ZodType).safeParse(undefined).success,
    ...(name === 'metadata' && { style: 'deepObject', explode: true }),
    schema: jsonSchema(field as z.ZodType, 'input'),
  }));
}

function requestBody(body: z.ZodType | 'upload') {
  if (body !== 'upload') {
    return { required: true, content: { 'application/json': { schema: jsonSchema(body, 'input') } } };
  }
  const schema = {
    type: 'object',
    properties: {
      file: { type: 'string', contentMediaType: 'application/octet-stream' },
      purpose: { type: 'string', enum: ['fine-tune'] },
    },
    required: ['file', 'purpose'],
  };
  return { required: true, content: { 'multipart/form-data': { schema } } };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output') {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
