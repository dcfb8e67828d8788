/**
 * What passwords are made of again and again: the heads of the public leak lists (English, German, Russian), as
 * lower-case letters and digits. Longer ones are found as what they are made of.
 */
export const commonWords: readonly string[] = [
  'password passwort passw0rd passwd parola senha contrasena motdepasse secret geheim admin administrator',
  'root user guest login welcome willkommen hello hallo changeme letmein master default test tester testing',
  'temp temporary demo sample example company business office computer internet server system network',
  'service manager support customer client owner operator account usher onboarding tenant workspace invite',
  'qwerty qwertz qwertyuiop qwertzuiop azerty asdf asdfg asdfgh asdfghjkl zxcv zxcvb zxcvbn zxcvbnm yxcvbnm',
  'qazwsx qazwsxedc wsxedc 1qaz 2wsx 3edc 4rfv 1qaz2wsx 1q2w3e 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y q1w2e3 q1w2e3r4',
  'q1w2e3r4t5 zaq1 zaq12wsx xsw2 qweasd qweasdzxc asdzxc qwer qwert abc123 abcd1234 a1b2c3 a1b2c3d4 aaa111 123abc',
  'iloveyou ilovehim iloveher loveyou loveme lovely love ichliebedich schatz liebe engel freedom freiheit',
  'sunshine princess dragon monkey shadow michael jordan superman batman spiderman ironman starwars pokemon',
  'football baseball basketball hockey soccer fussball bayern dortmund schalke liverpool arsenal chelsea',
  'barcelona juventus ferrari porsche mercedes mustang harley yamaha corvette trustno1 access flower hottie',
  'whatever nothing please sorry hunter ranger buster tigger charlie andrew michelle jessica ashley jennifer',
  'daniel thomas george robert joshua matthew anthony william nicole samantha amanda hannah lauren alexander',
  'alexandra sebastian andreas stefan martin markus sabine claudia nicole julian lukas maximilian natasha',
  'killer pepper ginger cookie banana orange cherry summer winter spring autumn fruehling sommer herbst',
  'january february march april june july august september october november december monday tuesday wednesday',
  'thursday friday saturday sunday januar februar maerz oktober dezember montag dienstag mittwoch donnerstag',
  'freitag samstag sonntag berlin hamburg muenchen london paris newyork moscow moskva russia germany deutschland',
  'america england canada australia google facebook youtube twitter microsoft apple amazon windows linux android',
  'samsung iphone nokia matrix nirvana metallica slipknot eminem blink182 rockstar justin naruto minecraft',
  'fortnite zelda mario sonic diablo warcraft hello123 golden silver diamond purple yellow orange green black',
  'white blue thequickbrownfox jumpsoverthelazydog',
  'loremipsum dolorsitamet opensesame abracadabra supersecret topsecret mypassword thisismypassword yourpassword',
  'newpassword oldpassword nopassword mysecret pass word passphrase passcode keyword letme letmesee security',
  'secure sicher sicherheit kennwort zugang hallowelt helloworld foobar foobarbaz lifeisgood lifehack jesus',
  'jesuschrist blessed heaven angel family mother father mommy daddy friends forever together always never',
  'пароль йцукен йцукенг йцукенгшщз фывапр фывапролдж ячсмить привет любовь солнышко наташа максим марина',
  'parol privet lubov lyubov zaya solnishko natasha andrey sergey dmitry vladimir marina svetlana qwerty123',
].flatMap((line) => line.split(' '));
