import type { Case } from './cases';
import { insist, inviteCustomer } from './customers';

const size = 200;

/** Of two hundred accepts of one invite at once, on two APIs, one wins and all others are told so. */
export const crowd: Case = {
  name: `${String(size)} accepts of one invite at once`,
  async play(scene) {
    const customer = await inviteCustomer(scene, this.name);
    const answers = await Promise.all(
      Array.from({ length: size }, (_, n) =>
        insist(
          scene,
          'POST',
          `/onboarding/invites/${customer.token}/accept`,
          { accept_terms: true },
          { anonymous: true, first: n },
        ),
      ),
    );
    const won = answers.filter(({ status }) => status === 200).length;
    const others = answers.filter(
      ({ status, body }) => status !== 200 && body['code'] !== 'invite-already-used',
    );
    return {
      customers: [customer],
      faults: 1,
      wrong: [
        ...(won === 1 ? [] : [`${String(won)} of ${String(size)} accepts won`]),
        ...others.map(
          ({ status, body }) => `one was told ${String(status)} ${String(body['code'])}`,
        ),
      ],
    };
  },
};
