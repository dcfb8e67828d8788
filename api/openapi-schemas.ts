import { z } from 'zod';

/** A part of the document. */
export type Json = Record<string, unknown>;

/** Turns zod schemas into JSON Schema. */
export interface Schemas {
  /** Schemas with an id, which stand once however often they are referred to. */
  readonly components: Json;
  /** @param direction whether the schema describes what is sent or what is answered: defaults and transforms differ */
  convert(schema: z.ZodType, direction: 'input' | 'output'): Json;
}

/** Builds the conversion for one document. */
export function createSchemas(): Schemas {
  const components: Json = {};
  return {
    components,
    convert(schema, direction) {
      const {
        $defs,
        $schema: _,
        ...json
      } = z.toJSONSchema(schema, {
        target: 'draft-2020-12',
        io: direction,
        unrepresentable: 'any',
        ...(direction === 'input' ? { override: forbidNul } : {}),
      }) as Json & { $defs?: Record<string, Json> };
      for (const [name, definition] of Object.entries($defs ?? {})) {
        const component = relocated(definition);
        const before = components[name];
        if (before && JSON.stringify(before) !== JSON.stringify(component)) {
          throw new Error(`Two schemas, or both directions of one, are called ${name}`);
        }
        components[name] = component;
      }
      return relocated(json);
    },
  };
}

// What `parseRequest` refuses in any text, since Postgres cannot store it.
function forbidNul({ jsonSchema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  const { type, pattern, format } = jsonSchema;
  const isFree = type === 'string' && pattern === undefined && format === undefined;
  if (isFree && !('enum' in jsonSchema) && !('const' in jsonSchema)) {
    jsonSchema.pattern = '^[^\\u0000]*$';
  }
}

function relocated(value: Json): Json {
  return JSON.parse(
    JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/'),
  ) as Json;
}
