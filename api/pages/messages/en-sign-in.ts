import type { SignInMessages } from './shape';

/** English: the sign-in page. */
export const signIn: SignInMessages = {
  title: 'Sign in',
  heading: 'Sign in',
  lead: 'Go on where you left off.',
  email: 'E-mail address',
  password: 'Password',
  submit: 'Sign in',
  linkText: 'No password, or not at hand? Then a link by mail is enough.',
  linkButton: 'Mail me a sign-in link',
  invited: 'Have you just been invited? Then simply open the link from that mail.',
  errors: {
    'email-required': 'Enter your e-mail address.',
    'email-invalid': 'This is not a complete e-mail address, such as name@example.com.',
    'password-required': 'Enter your password, or have a link mailed to you.',
    'credentials-wrong': 'The address and the password do not belong together. Try again.',
    'account-closed': 'This account has been closed.',
  },
};
