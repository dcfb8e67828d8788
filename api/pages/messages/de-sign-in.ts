import type { SignInMessages } from './shape';

/** German: the sign-in page. */
export const signIn: SignInMessages = {
  title: 'Anmelden',
  heading: 'Anmelden',
  lead: 'Machen Sie dort weiter, wo Sie aufgehört haben.',
  email: 'E-Mail-Adresse',
  password: 'Passwort',
  submit: 'Anmelden',
  linkText: 'Kein Passwort, oder gerade nicht zur Hand? Dann genügt ein Link per E-Mail.',
  linkButton: 'Anmeldelink senden',
  invited: 'Sie wurden gerade eingeladen? Dann öffnen Sie einfach den Link aus der E-Mail.',
  errors: {
    'email-required': 'Geben Sie Ihre E-Mail-Adresse ein.',
    'email-invalid': 'Das ist keine vollständige E-Mail-Adresse wie name@example.com.',
    'password-required': 'Geben Sie Ihr Passwort ein, oder lassen Sie sich einen Link senden.',
    'credentials-wrong':
      'Adresse und Passwort gehören nicht zusammen. Versuchen Sie es noch einmal.',
    'account-closed': 'Dieses Konto wurde geschlossen.',
  },
};
